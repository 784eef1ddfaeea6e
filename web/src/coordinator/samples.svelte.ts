import type { CheckpointId } from '../core/api';
import type { Point } from './curve';

/** What this device has counted while the overview was open: numbers by time, nobody's name. */
const KEY = 'muster.samples';
const EVERY_MS = 60_000;
const MOST = 600;

type Kept = Record<CheckpointId, Point[]>;

function load(): Kept {
    try {
        return JSON.parse(localStorage.getItem(KEY) ?? '{}') as Kept;
    } catch {
        return {};
    }
}

class Samples {
    private kept = $state.raw<Kept>(load());

    of(checkpoint: CheckpointId): Point[] {
        return this.kept[checkpoint] ?? [];
    }

    /** One point a minute; the last one moves until its minute is over. */
    add(checkpoint: CheckpointId, admitted: number, now: number): void {
        const points = this.of(checkpoint);
        const last = points.at(-1);
        if (last?.admitted === admitted) return;
        const fits = last !== undefined && now - last.at < EVERY_MS && points.length > 1;
        const next = [...(fits ? points.slice(0, -1) : points), { at: now, admitted }].slice(-MOST);
        this.kept = { ...this.kept, [checkpoint]: next };
        try {
            localStorage.setItem(KEY, JSON.stringify(this.kept));
        } catch {
            // The server has the whole day in any case.
        }
    }
}

export const samples = new Samples();

import type { Status } from '../core/api';
import { fresh } from './fresh';

/** What happened between this phone and the servers, for people. Holds no names. */
export interface Line {
    at: number;
    what: 'connected' | 'lost' | 'sent' | 'refused' | 'standing';
    count: number;
}

const KEY = 'muster.journal';
const LONGEST = 80;

function load(): Line[] {
    try {
        const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
        return Array.isArray(kept) ? (kept as Line[]) : [];
    } catch {
        return [];
    }
}

export class Journal {
    lines = $state.raw<Line[]>(load());

    /** Compares how the phone stood with how it stands. */
    look(before: Status | null, after: Status): void {
        const now = fresh(after);
        const then = before && fresh(before);
        // An app that is opened again while it is connected has told so already.
        if (now.connected && !then?.connected && (then || this.lines[0]?.what !== 'connected')) this.add('connected');
        if (!then) return;
        if (then.connected && !now.connected) this.add('lost');
        if (now.unsent < then.unsent) this.add('sent', then.unsent - now.unsent);
        if (now.refused > then.refused) this.add('refused', now.refused - then.refused);
        if (before.standing !== after.standing && after.standing !== 'good') this.add('standing');
    }

    forget(): void {
        this.keep([]);
    }

    private add(what: Line['what'], count = 0): void {
        const last = this.lines[0];
        const now = Date.now();
        // Work that trickles to the server is one line a minute, not one a check-in.
        if (what === 'sent' && last?.what === 'sent' && now - last.at < 60_000) {
            this.keep([{ ...last, count: last.count + count }, ...this.lines.slice(1)]);
            return;
        }
        this.keep([{ at: now, what, count }, ...this.lines].slice(0, LONGEST));
    }

    private keep(lines: Line[]): void {
        this.lines = lines;
        try {
            localStorage.setItem(KEY, JSON.stringify(lines));
        } catch {
            // It is a comfort, not a record.
        }
    }
}

export const journal = new Journal();

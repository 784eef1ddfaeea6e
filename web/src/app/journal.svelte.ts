import type { Status } from '../core/api';

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

class Journal {
    lines = $state.raw<Line[]>(load());

    /** Compares how the phone stood with how it stands. */
    look(before: Status | null, after: Status): void {
        const linked = (status: Status | null) =>
            status?.servers.some(({ link }) => link.type === 'connected') ?? false;
        const waiting = (status: Status) =>
            status.servers.reduce((most, server) => Math.max(most, server.factsNotThere), 0);
        const last = this.lines[0];
        if (linked(after) && !linked(before) && (before || last?.what !== 'connected')) this.add('connected');
        if (before && linked(before) && !linked(after)) this.add('lost');
        if (before && waiting(after) < waiting(before)) this.add('sent', waiting(before) - waiting(after));
        const refused = (status: Status) => status.parked.reduce((sum, { facts }) => sum + facts, 0);
        if (before && refused(after) > refused(before)) this.add('refused', refused(after) - refused(before));
        if (before && before.standing !== after.standing && after.standing !== 'good') this.add('standing');
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

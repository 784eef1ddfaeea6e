import Circle from '@lucide/svelte/icons/circle';
import CircleCheck from '@lucide/svelte/icons/circle-check';
import CircleDashed from '@lucide/svelte/icons/circle-dashed';
import ClockAlert from '@lucide/svelte/icons/clock-alert';
import TriangleAlert from '@lucide/svelte/icons/triangle-alert';
import type { Component } from 'svelte';
import type { BoardRow, DeviceId, FactId, ReadinessState } from '../core/api';

type Tone = 'neutral' | 'info' | 'ok' | 'warn' | 'bad';
type Icon = Component<{ size?: number | string }>;

export const states: Record<ReadinessState, { tone: Tone; icon: Icon }> = {
    overdue: { tone: 'bad', icon: ClockAlert },
    problem: { tone: 'warn', icon: TriangleAlert },
    not_started: { tone: 'neutral', icon: Circle },
    under_way: { tone: 'info', icon: CircleDashed },
    ready: { tone: 'ok', icon: CircleCheck },
};

/** The first row of each room, by room: what happens there now, or next. */
export function nextByRoom(rows: BoardRow[], now: number): BoardRow[] {
    const next = new Map<string, BoardRow>();
    const coming = rows.filter(({ session }) => session.room !== null && session.endsAt > now && !session.cancelled);
    for (const row of coming.toSorted((one, other) => one.session.startsAt - other.session.startsAt)) {
        const room = row.session.room ?? '';
        if (!next.has(room)) next.set(room, row);
    }
    return [...next.values()].sort((one, other) => one.session.startsAt - other.session.startsAt);
}

/** A fact's id begins with the device that recorded it. */
export function deviceOf(fact: FactId): DeviceId {
    return fact.slice(0, fact.lastIndexOf('-'));
}

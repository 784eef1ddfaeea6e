import type * as r from '../api';
import { NOW, rooms, sessions, template } from './program';
import type { World } from './world';

/** What the fake knows of rooms and those who present in them. */
export class Rooms {
    constructor(private readonly world: World) {
        const look = (session: number, item: string, state: r.ItemState, note = '', ago = 20) => {
            const id = sessions[session]?.id ?? '';
            world.seen('d0000000000000c3', 'Rūta, floor 2', NOW - ago * 60_000, {
                type: 'observation',
                session: id,
                item,
                state,
                note,
            });
        };
        look(0, 'i1', 'ok');
        look(0, 'i3', 'ok');
        look(1, 'i1', 'ok');
        look(1, 'i2', 'problem', 'Microphone 2 crackles');
        look(1, 'i3', 'ok');
        for (const { id } of template) look(3, id, 'ok', '', 50);
        world.seen('d0000000000000c3', 'Rūta, floor 2', NOW - 22 * 60_000, {
            type: 'arrival',
            presenter: 'p-Ilze Kalnbērza',
            own: false,
        });
    }

    board(filter: r.SessionFilter): r.BoardRow[] {
        const rank: Record<r.ReadinessState, number> = {
            overdue: 0,
            problem: 1,
            not_started: 2,
            under_way: 2,
            ready: 3,
        };
        return sessions
            .filter(
                ({ room, startsAt }) =>
                    (!filter.room || room === filter.room) &&
                    (!filter.startsFrom || startsAt >= filter.startsFrom) &&
                    (!filter.startsBefore || startsAt < filter.startsBefore),
            )
            .map((session) => this.checklist(session.id))
            .sort(
                (one, other) =>
                    rank[one.state] - rank[other.state] || (one.deadline ?? Infinity) - (other.deadline ?? Infinity),
            );
    }

    checklist(id: string): r.BoardRow {
        const session = sessions.find((one) => one.id === id);
        if (!session)
            throw this.world.error('session_unknown', 'this phone knows no such session; look at the programme again');
        const items = template.map(({ id: item, label, kind, beforeMin }): r.ChecklistItem => {
            const seen = this.world.facts
                .filter(
                    (fact) =>
                        fact.body.type === 'observation' &&
                        fact.body.session === id &&
                        fact.body.item === item &&
                        this.world.stands(fact),
                )
                .at(-1);
            const last =
                seen?.body.type === 'observation'
                    ? { fact: seen.id, state: seen.body.state, note: seen.body.note }
                    : null;
            const dueAt = session.startsAt - beforeMin * 60_000;
            return { id: item, label, kind, dueAt, last, overdue: !last && dueAt < Date.now() };
        });
        const done = items.filter(({ last }) => last && last.state !== 'problem').length;
        const open = items.filter(({ last }) => !last || last.state === 'problem');
        const state: r.ReadinessState = items.some(({ last }) => last?.state === 'problem')
            ? 'problem'
            : open.length === 0
              ? 'ready'
              : items.some(({ overdue }) => overdue)
                ? 'overdue'
                : done > 0
                  ? 'under_way'
                  : 'not_started';
        return { session, state, deadline: open[0]?.dueAt ?? null, done, items };
    }

    observe(session: string, item: string, state: r.ItemState, note: string): r.Recorded {
        if (state === 'problem' && !note.trim())
            throw this.world.error('text_missing', 'say what happened or give a name');
        return this.world.record({ type: 'observation', session, item, state, note }, ['readiness']);
    }

    report(wish: r.NewIncident): r.Recorded {
        if (!wish.text.trim()) throw this.world.error('text_missing', 'say what happened or give a name');
        const { room = null, session = null, severity, text } = wish;
        return this.world.record({ type: 'incident', room, session, severity, text }, ['incidents']);
    }

    incidents(): r.Incident[] {
        const all: r.Incident[] = [];
        for (const fact of this.world.facts) {
            if (fact.body.type !== 'incident' || !this.world.stands(fact)) continue;
            const { room, session, severity, text } = fact.body;
            all.unshift({
                fact,
                room,
                roomName: rooms.find((one) => one.id === room)?.name ?? '',
                session,
                severity,
                text,
            });
        }
        return all;
    }

    arrivals(): r.Arrival[] {
        const names = [...new Set(sessions.flatMap((session) => session.presenterNames))].sort((a, b) =>
            a.localeCompare(b, 'lv'),
        );
        return names.map((name) => {
            const presenter = `p-${name}`;
            const arrival = this.world.facts.find(
                (fact) => fact.body.type === 'arrival' && fact.body.presenter === presenter && this.world.stands(fact),
            );
            return {
                presenter,
                profile: { name, organisation: '', biography: '', avatar: '', url: '' },
                arrival: arrival ?? null,
            };
        });
    }
}

import type { AttendeeCard, CardFact, Fact, FactBody, Recorded, Topic } from '../api';
import { MusterError } from '../api';
import { people, type Person } from './people';
import { NOW, checkpoints } from './program';

export const DEVICE = 'd0000000000000a1';
const OTHER = 'd0000000000000b2';

/** Everything that the fake knows, and the facts that it was told. */
export class World {
    readonly people: Person[];
    readonly facts: Fact[] = [];
    private readonly byId = new Map<string, Person>();
    private readonly listeners = new Set<(topics: Topic[]) => void>();
    private counter = 0;
    label = 'Līga, gate A';

    constructor(count: number) {
        this.people = people(count);
        for (const one of this.people) this.byId.set(one.id, one);
    }

    /** A morning's check-ins, two of them at both gates. */
    begin(): void {
        const entrance = this.checkpoint(0);
        this.people.slice(1).forEach(({ id, attendee }, index) => {
            if (attendee.registration !== 'confirmed' || index % 5 > 1) return;
            const body: FactBody = {
                type: 'entry',
                attendee: id,
                checkpoint: entrance,
                via: 'scan',
                answers: {},
                despite: '',
            };
            this.seen(OTHER, 'Edgars, gate B', NOW - (120 - (index % 110)) * 60_000, body);
        });
        this.people
            .slice(4, 40)
            .filter(({ id }) => this.inside(id).length > 0)
            .slice(0, 2)
            .forEach(({ id }) => {
                const body: FactBody = {
                    type: 'entry',
                    attendee: id,
                    checkpoint: entrance,
                    via: 'scan',
                    answers: {},
                    despite: '',
                };
                this.seen(DEVICE, this.label, NOW - 12 * 60_000, body);
            });
    }

    find(id: string): Person {
        const found = this.byId.get(id);
        if (!found)
            throw this.error('attendee_unknown', 'this phone knows no such attendee; search again, or connect once');
        return found;
    }

    checkpoint(index: number): string {
        return checkpoints[index]?.id ?? '';
    }

    add(one: Person): void {
        this.people.push(one);
        this.byId.set(one.id, one);
    }

    record(body: FactBody, topics: Topic[], attendee: string | null = null): Recorded {
        const fact = this.seen(DEVICE, this.label, Date.now(), body);
        queueMicrotask(() => this.tell([...topics, 'status']));
        return { fact: fact.id, durability: 'on_this_phone', attendee };
    }

    seen(device: string, by: string, at: number, body: FactBody): Fact {
        const fact: Fact = { id: `${device}-${++this.counter}`, device, at, correctedAt: at, skew: null, by, body };
        this.facts.push(fact);
        return fact;
    }

    stands(fact: Fact): boolean {
        return !this.facts.some(({ body }) => body.type === 'undo' && body.fact === fact.id);
    }

    about(attendee: string): Fact[] {
        return this.facts.filter(({ body }) => 'attendee' in body && body.attendee === attendee);
    }

    /** The last standing entry at a checkpoint, unless they have left since. */
    entry(attendee: string, checkpoint: string): Fact | null {
        const moves = this.about(attendee).filter(
            ({ body }) =>
                (body.type === 'entry' || body.type === 'walk_in' || body.type === 'exit') &&
                body.checkpoint === checkpoint,
        );
        const last = moves.filter((fact) => this.stands(fact)).at(-1);
        return last && last.body.type !== 'exit' ? last : null;
    }

    inside(attendee: string): string[] {
        return checkpoints.filter(({ id }) => this.entry(attendee, id)).map(({ id }) => id);
    }

    card(id: string): AttendeeCard {
        const { attendee } = this.find(id);
        const facts: CardFact[] = this.about(id).map((fact) => ({
            fact,
            stands: this.stands(fact),
            durability: fact.device !== DEVICE ? null : fact.at < NOW - 60_000 ? 'on_server' : 'on_this_phone',
        }));
        const group = attendee.order
            ? this.people.filter((one) => one.attendee.order === attendee.order && one.id !== id)
            : [];
        const walkIn = facts.find(({ fact }) => fact.body.type === 'walk_in')?.fact.id ?? null;
        return { id, attendee, walkIn, facts, group: group.map((one) => one.id) };
    }

    subscribe(listener: (topics: Topic[]) => void): { cancel(): void } {
        this.listeners.add(listener);
        return { cancel: () => void this.listeners.delete(listener) };
    }

    tell(topics: Topic[]): void {
        for (const listener of this.listeners) listener(topics);
    }

    error(code: string, remedy: string): MusterError {
        return new MusterError(code, 'needs_user', remedy, code);
    }
}

import type * as r from '../api';
import { checkpoints, logistics, rooms, sessions } from './program';
import { DEVICE, type World } from './world';

/** Who edits records, and two who edited the same. */
export class Desk {
    readonly unsent: r.UnsentEdit[] = [];
    private readonly waiting: r.Conflict[] = [];

    constructor(
        private readonly world: World,
        /** Whether what is edited stays here. */
        private readonly offline: boolean,
    ) {}

    /** Somebody moved a session by telephone while somebody else imported the programme again. */
    begin(at: number): void {
        const [session] = sessions.slice(5);
        if (!session) return;
        const from = (id: string, room: string, device: string, minutes: number): r.ConflictValue => ({
            id,
            value: { type: 'room', room, name: this.room(room)?.name ?? '' },
            device,
            own: device === DEVICE,
            by: device === DEVICE ? this.world.label : '',
            at: at - minutes * 60_000,
        });
        this.waiting.push({
            document: 'program',
            collection: 'sessions',
            key: session.id,
            title: session.title,
            field: 'room',
            values: [from('8@a', 'r3', DEVICE, 34), from('9@b', 'r2', 'd0000000000000d4', 21)],
        });
    }

    conflicts(): r.Conflict[] {
        return [...this.waiting];
    }

    choose(choice: r.Choice): boolean {
        const at = this.waiting.findIndex(
            ({ key, field, values }) =>
                key === choice.key && field === choice.field && values.some(({ id }) => id === choice.value),
        );
        const [conflict] = at < 0 ? [] : this.waiting.splice(at, 1);
        if (!conflict) throw this.world.error('conflict_unknown', 'there is nothing to choose between here any more');
        const value = conflict.values.find(({ id }) => id === choice.value)?.value;
        if (value?.type === 'room') this.editSession(choice.key, [{ type: 'room', value: value.room }]);
        this.world.tell(['conflicts', 'program']);
        return true;
    }

    editAttendee(id: string, edits: r.AttendeeEdit[]): boolean {
        const person = this.world.find(id);
        this.named(edits, 'name');
        person.attendee = { ...person.attendee, ...fields(edits) };
        return this.wrote('roster/00', 'attendees', id, edits, ['attendees', 'checkins']);
    }

    editSession(id: string, edits: r.SessionEdit[]): boolean {
        const session = sessions.find((one) => one.id === id);
        if (!session) throw this.world.error('session_unknown', 'this phone knows no such session');
        this.named(edits, 'title');
        const { starts_at, ends_at, room, ...rest } = fields(edits) as Record<string, unknown>;
        const length = session.endsAt - session.startsAt;
        const startsAt = (starts_at as number | undefined) ?? session.startsAt;
        const endsAt = (ends_at as number | undefined) ?? startsAt + length;
        if (endsAt <= startsAt) throw this.world.error('times_reversed', 'the end must be after the beginning');
        Object.assign(session, rest, { startsAt, endsAt, durationMin: (endsAt - startsAt) / 60_000 });
        if (room !== undefined)
            Object.assign(session, { room, roomName: this.room(room as string | null)?.name ?? '' });
        return this.wrote('program', 'sessions', id, edits, ['program', 'readiness']);
    }

    editRoom(id: string, edits: r.RoomEdit[]): boolean {
        const room = this.room(id);
        if (!room) throw this.world.error('room_unknown', 'this phone knows no such room');
        this.named(edits, 'name');
        Object.assign(room, fields(edits));
        for (const session of sessions) if (session.room === id) session.roomName = room.name;
        return this.wrote('program', 'rooms', id, edits, ['program']);
    }

    editCheckpoint(id: string, edits: r.CheckpointEdit[]): boolean {
        const checkpoint = checkpoints.find((one) => one.id === id);
        if (!checkpoint) throw this.world.error('checkpoint_unknown', 'there is no such checkpoint');
        this.named(edits, 'name');
        const { valid_from, valid_until, admits_unpaid, ...rest } = fields(edits) as Record<string, unknown>;
        Object.assign(checkpoint, rest);
        if (valid_from !== undefined) Object.assign(checkpoint, { validFrom: valid_from });
        if (valid_until !== undefined) Object.assign(checkpoint, { validUntil: valid_until });
        if (admits_unpaid !== undefined) Object.assign(checkpoint, { admitsUnpaid: admits_unpaid });
        return this.wrote('event', 'checkpoints', id, edits, ['event']);
    }

    editNeeds(presenter: string, edits: r.NeedsEdit[]): boolean {
        const before = logistics.needs ?? { aids: '', dietary: '', access: '', notes: '' };
        logistics.needs = { ...before, ...fields(edits) };
        logistics.needsDurability = 'on_this_phone';
        return this.wrote(`presenter/${presenter}`, 'needs', 'main', edits, ['logistics']);
    }

    private room(id: string | null): r.Room | undefined {
        return rooms.find((room) => room.id === id);
    }

    private named(edits: { type: string; value: unknown }[], field: string): void {
        if (edits.some(({ type, value }) => type === field && String(value).trim() === ''))
            throw this.world.error('text_missing', 'say what happened or give a name');
    }

    private wrote(
        document: string,
        collection: string,
        key: string,
        edits: { type: string; value: unknown }[],
        topics: r.Topic[],
    ): boolean {
        if (edits.length === 0) return false;
        const edited = edits.map(({ type, value }) => ({ field: type, before: 'null', after: JSON.stringify(value) }));
        const edit = { document, collection, key, fields: edited, at: Date.now() };
        this.unsent.push(edit);
        queueMicrotask(() => this.world.tell([...topics, 'status']));
        if (!this.offline)
            setTimeout(() => {
                this.unsent.splice(this.unsent.indexOf(edit), 1);
                logistics.needsDurability = 'on_server';
                this.world.tell([...topics, 'status']);
            }, 2_000);
        return true;
    }
}

/** Edits as the fields of a record; those of two words are told apart by whoever asks. */
function fields(edits: { type: string; value: unknown }[]): object {
    return Object.fromEntries(edits.map(({ type, value }) => [type, value]));
}

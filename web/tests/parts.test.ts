import { describe, expect, test } from 'vitest';
import { fresh } from '../src/app/fresh';
import { Journal } from '../src/app/journal.svelte';
import { edits, type Draft } from '../src/edit/draft';
import { fromField, toField } from '../src/i18n/zone';
import { groupBy } from '../src/app/group';
import type { BoardRow, Event, Session, Status } from '../src/core/api';
import { admissions, thinned } from '../src/coordinator/curve';
import { enrolmentLink, ownServer } from '../src/enrol/link';
import { Formats } from '../src/i18n/format';
import { calendar } from '../src/presenter/calendar';
import { deviceOf, nextByRoom } from '../src/rooms/states';

const session = (change: Partial<Session>): Session => ({
    id: 's1',
    title: 'Opening; with guests, friends',
    subtitle: '',
    startsAt: Date.parse('2027-05-20T07:00:00Z'),
    endsAt: Date.parse('2027-05-20T07:30:00Z'),
    durationMin: 30,
    room: 'r1',
    roomName: 'Lielā zāle',
    track: null,
    kind: '',
    language: '',
    abstractText: '',
    description: '',
    presenters: [],
    presenterNames: [],
    links: [],
    attachments: [],
    url: '',
    recordingOptout: false,
    cancelled: false,
    ...change,
});

describe('an enrolment link', () => {
    const code = '7ZQK3M5X9T2W8R4V6B1N0CYHJD';
    const origin = 'https://muster.example.org';

    test('is a link or the code alone, however it is written', () => {
        expect(enrolmentLink(`${origin}/enrol#${code}`, origin)).toBe(`${origin}/enrol#${code}`);
        expect(enrolmentLink(' 7zqk3 m5x9t-2w8r4 v6b1n 0cyhjd ', origin)).toBe(`${origin}/enrol#${code}`);
    });

    test.each([
        '',
        'hello',
        'https://example.org/',
        `${origin}/enrol`,
        'javascript:alert(1)//enrol#x',
        'T-0042',
        'x'.repeat(10_000),
    ])('is not %s', (text) => expect(enrolmentLink(text, origin)).toBeNull());

    test('of another server is noticed', () => {
        expect(ownServer(`https://other.example.org/enrol#${code}`, origin)).toBe(false);
        expect(ownServer(`${origin}/enrol#${code}`, origin)).toBe(true);
    });
});

test('one server that has everything is enough', () => {
    const server = {
        server: 'a',
        url: '',
        link: { type: 'connected' as const },
        lastContact: 10,
        factsNotThere: 0,
        editsNotThere: 0,
    };
    const status = {
        servers: [server, { ...server, link: { type: 'stopped' }, lastContact: 20, factsNotThere: 7 }],
        parked: [{ facts: 2, edits: 1 }],
    };
    expect(fresh(status as unknown as Status)).toEqual({ connected: true, heardAt: 20, unsent: 0, refused: 3 });
});

test('a calendar has lines of 75 bytes, and says what has a meaning in it otherwise', () => {
    const event = { venue: 'Kongresu nams', city: 'Rīga' } as Event;
    const text = calendar([session({ title: `${'ā'.repeat(60)}; a, b\\c` })], event, 0);
    expect(text.endsWith('END:VCALENDAR\r\n')).toBe(true);
    for (const line of text.split('\r\n')) expect(new TextEncoder().encode(line).length).toBeLessThanOrEqual(75);
    const unfolded = text.replaceAll('\r\n ', '');
    expect(unfolded).toContain(`SUMMARY:${'ā'.repeat(60)}\\; a\\, b\\\\c`);
    expect(unfolded).toContain('DTSTART:20270520T070000Z');
    expect(unfolded).toContain('LOCATION:Lielā zāle\\, Kongresu nams\\, Rīga');
});

test('a curve is made of entries that stand, at one checkpoint', () => {
    const csv = [
        'Time,Kind,Muster ID,Name,Organisation,Checkpoint,Device,By,Undone,Despite,Fact',
        '2027-05-20T08:00:00+03:00,entry,a,"Bērziņš, ""Jānis""",,Entrance,A,,,,f1',
        '2027-05-20T08:01:00+03:00,entry,b,B,,Entrance,A,,yes,,f2',
        '2027-05-20T08:02:00+03:00,exit,a,A,,Entrance,A,,,,f3',
        '2027-05-20T07:59:00+03:00,walk-in,c,C,"Two\nlines",Entrance,A,,,,f4',
        '2027-05-20T08:03:00+03:00,entry,d,D,,Dinner,A,,,,f5',
        '',
    ].join('\r\n');
    const points = admissions(csv, 'Entrance');
    expect(points.map(({ at, admitted }) => [new Date(at).toISOString().slice(11, 16), admitted])).toEqual([
        ['04:59', 1],
        ['05:00', 2],
    ]);
    expect(admissions('', 'Entrance')).toEqual([]);
});

test('many points become few, and the last one stays', () => {
    const points = Array.from({ length: 10_000 }, (_, at) => ({ at, admitted: at }));
    const some = thinned(points, 400);
    expect(some.length).toBe(401);
    expect(some.at(-1)).toEqual({ at: 9_999, admitted: 9_999 });
});

test('of each room the session that runs or comes next is shown', () => {
    const row = (change: Partial<Session>) => ({ session: session(change) }) as BoardRow;
    const now = Date.parse('2027-05-20T07:10:00Z');
    const later = { startsAt: now + 3_600_000, endsAt: now + 7_200_000 };
    const rows = [
        row({ id: 'later', ...later }),
        row({ id: 'running' }),
        row({ id: 'over', startsAt: 0, endsAt: 1 }),
        row({ id: 'off', room: 'r2', cancelled: true, ...later }),
        row({ id: 'other', room: 'r3', ...later }),
    ];
    expect(nextByRoom(rows, now).map(({ session: { id } }) => id)).toEqual(['running', 'other']);
});

test('times are those of the event, wherever the phone is', () => {
    const at = Date.parse('2027-05-20T22:30:00Z');
    const formats = new Formats('en', 'Europe/Riga');
    expect(formats.time(at)).toBe('01:30');
    expect(formats.dayKey(at)).toBe('2027-05-21');
    expect(formats.near(at, at - 3_600_000)).toBe('01:30');
    expect(formats.near(at, at - 7_200_000)).toContain('01:30');
    // All of one day are equally far away, also over the change to summer time.
    const winter = Date.parse('2027-03-26T18:00:00+02:00');
    expect(formats.ago(Date.parse('2027-05-20T09:00:00+03:00'), winter)).toBe('in 55 days');
    expect(formats.ago(Date.parse('2027-05-20T21:30:00+03:00'), winter)).toBe('in 55 days');
    expect(new Formats('en', 'Nowhere/Atall').time(at)).toMatch(/^\d\d:\d\d$/);
});

test('a fact begins with its device', () => {
    expect(deviceOf('0123456789abcdef-17')).toBe('0123456789abcdef');
});

test('groups keep their order', () => {
    expect([...groupBy([3, 1, 4, 1, 5], (one) => one % 2)]).toEqual([
        [1, [3, 1, 1, 5]],
        [0, [4]],
    ]);
});

test('the journal says what changed between the phone and the server, once', () => {
    const status = (link: 'connected' | 'connecting', factsNotThere: number, refused = 0): Status =>
        ({
            standing: 'good',
            servers: [{ server: 'a', url: '', link: { type: link }, lastContact: 1, factsNotThere, editsNotThere: 0 }],
            parked: refused > 0 ? [{ facts: refused, edits: 0 }] : [],
        }) as unknown as Status;
    const journal = new Journal();
    journal.look(null, status('connected', 3));
    journal.look(status('connected', 3), status('connected', 1));
    journal.look(status('connected', 1), status('connected', 0));
    journal.look(status('connected', 0), status('connecting', 2));
    journal.look(status('connecting', 2), status('connecting', 2, 4));
    expect(journal.lines.map(({ what, count }) => [what, count])).toEqual([
        ['refused', 4],
        ['lost', 0],
        ['sent', 3],
        ['connected', 0],
    ]);
});

test('an edit names what somebody changed and nothing else', () => {
    type Edit =
        | { type: 'name'; value: string }
        | { type: 'capacity'; value: number | null }
        | { type: 'things'; value: string[] };
    const before: Draft<Edit> = { name: 'Hall', capacity: 20, things: ['lamp'] };
    expect(edits<Edit>(before, { ...before, things: ['lamp'] })).toEqual([]);
    expect(edits<Edit>(before, { name: 'Great hall', capacity: null, things: ['lamp', 'piano'] })).toEqual([
        { type: 'name', value: 'Great hall' },
        { type: 'capacity', value: null },
        { type: 'things', value: ['lamp', 'piano'] },
    ]);
});

test('times are written by the clocks of the event', () => {
    const at = Date.parse('2027-05-20T09:40:00+03:00');
    expect(toField(at, 'Europe/Riga')).toBe('2027-05-20T09:40');
    expect(toField(at, 'UTC')).toBe('2027-05-20T06:40');
    expect(fromField('2027-05-20T09:40', 'Europe/Riga')).toBe(at);
    expect([toField(null, 'UTC'), fromField('', 'UTC'), fromField('2027-05-', 'UTC')]).toEqual(['', null, null]);
    // An hour that the clocks leave out is the one after it, and a zone that nobody knows is this device's.
    expect(fromField('2027-03-28T03:30', 'Europe/Riga')).toBe(Date.parse('2027-03-28T04:30:00+03:00'));
    expect(fromField(toField(at, 'Mars/Base'), 'Mars/Base')).toBe(at);
});

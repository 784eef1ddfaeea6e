import { describe, expect, test } from 'vitest';
import type { AttendeeCard, CardFact, FactBody, ScanResult, Verdict } from '../src/core/api';
import { insideAt } from '../src/door/inside';
import { look } from '../src/door/look';
import { WedgeReader } from '../src/door/wedge';
import { Formats } from '../src/i18n/format';

/** Feeds keys with so many milliseconds between them; what came out. */
function typed(keys: string[], gap: number, reader = new WedgeReader(), from = 1_000): (string | null)[] {
    return keys.map((key, index) => reader.key(key, from + index * gap)).filter((code) => code !== null);
}

describe('a scanner that types', () => {
    test('is told from a person by its pace', () => {
        const code = [...'WN7KP377', 'Enter'];
        expect(typed(code, 5)).toEqual(['WN7KP377']);
        expect(typed(code, 35)).toEqual(['WN7KP377']);
        expect(typed(code, 90)).toEqual([]);
    });

    test('may hold shift for capitals and end with a tab', () => {
        expect(typed(['Shift', 'A', 'Shift', 'B', 'c', '1', 'Tab'], 8)).toEqual(['ABc1']);
    });

    test('is not confused by what a person typed before it', () => {
        const reader = new WedgeReader();
        typed(['b', 'e', 'r'], 150, reader, 1_000);
        expect(typed([...'T-0042', 'Enter'], 5, reader, 5_000)).toEqual(['T-0042']);
    });

    test('that sends twice is heard twice: the core knows that it is the same', () => {
        const reader = new WedgeReader();
        const twice = [...'T-0042', 'Enter', ...'T-0042', 'Enter'];
        expect(typed(twice, 5, reader)).toEqual(['T-0042', 'T-0042']);
    });

    test('whose phone hears one key late is still one', () => {
        const reader = new WedgeReader();
        const keys = [...'T-0042', 'Enter'];
        const codes = keys.map((key, index) => reader.key(key, 1_000 + index * 8 + (index > 2 ? 180 : 0)));
        expect(codes.at(-1)).toBe('T-0042');
    });

    test('a few keys in a hurry are no code', () => {
        expect(typed(['o', 'k', 'Enter'], 20)).toEqual([]);
    });

    test('ten megabytes cost no more than a code', () => {
        const reader = new WedgeReader();
        for (let at = 0; at < 1_000_000; at++) reader.key('x', at);
        expect(reader.key('Enter', 1_000_000)?.length).toBe(4096);
    });
});

const formats = new Formats('en', 'Europe/Riga');
const knows = { formats, now: Date.parse('2027-05-20T09:40:00+03:00'), checkpoints: [], nameOf: () => 'Edgars' };
const result = (verdict: Verdict, recorded = false): ScanResult => ({
    verdict,
    code: verdict.type,
    recorded: recorded ? { fact: 'f-1', durability: 'on_this_phone', attendee: null } : null,
    card: card([]),
    bearer: null,
    repeated: false,
});

function card(bodies: FactBody[], taken: number[] = []): AttendeeCard {
    const facts = bodies.map((body, index): CardFact => {
        const fact = { id: `d-${index}`, device: 'd', at: index, correctedAt: index, skew: null, by: '', body };
        return { fact, stands: !taken.includes(index), durability: null };
    });
    const attendee = {
        name: 'Jānis Bērziņš',
        organisation: '',
        category: 'Delegate',
        registration: 'confirmed' as const,
        order: '',
        notes: '',
        attention: false,
        validFrom: null,
        validUntil: null,
        language: 'lv',
    };
    return { id: 'a', attendee, walkIn: null, facts, group: [] };
}

describe('a verdict', () => {
    test('says since when in the zone of the event', () => {
        const at = Date.parse('2027-05-20T05:12:00Z');
        const shown = look(result({ type: 'already_in', at, checkpoint: 'c', device: 'd', fact: 'f' }), knows);
        expect(shown).toMatchObject({ tone: 'warn', mayOverride: true, values: { time: '08:12', by: 'Edgars' } });
    });

    test('may be overruled only where staff can answer for it', () => {
        expect(look(result({ type: 'unpaid' }), knows).mayOverride).toBe(true);
        for (const type of ['blocked', 'revoked', 'unknown', 'wrong_event', 'cancelled'] as const) {
            expect(look(result({ type }), knows).mayOverride, type).toBe(false);
        }
    });

    test('that was overruled looks like an admission', () => {
        expect(look(result({ type: 'unpaid' }, true), knows)).toMatchObject({ tone: 'ok', kind: 'let_in' });
    });
});

test('who went out is not inside, and an exit that was taken back counts for nothing', () => {
    const entry: FactBody = { type: 'entry', attendee: 'a', checkpoint: 'c', via: 'scan', answers: {}, despite: '' };
    const exit: FactBody = { type: 'exit', attendee: 'a', checkpoint: 'c' };
    expect(insideAt(card([entry]), 'c')).toBe(true);
    expect(insideAt(card([entry]), 'another')).toBe(false);
    expect(insideAt(card([entry, exit]), 'c')).toBe(false);
    expect(insideAt(card([entry, exit], [1]), 'c')).toBe(true);
});

import type { Checkpoint, ScanResult, Verdict } from '../core/api';
import type { Formats } from '../i18n/format';

/** How a verdict looks and sounds. */
export type Tone = 'ok' | 'warn' | 'bad' | 'ask';

type Kind = Verdict['type'];

const tones: Record<Kind, Tone> = {
    admitted: 'ok',
    already_in: 'warn',
    answers_required: 'ask',
    ambiguous: 'ask',
    unknown_key: 'warn',
    unknown: 'bad',
    cancelled: 'bad',
    unpaid: 'bad',
    blocked: 'bad',
    revoked: 'bad',
    wrong_category: 'bad',
    too_early: 'bad',
    too_late: 'bad',
    wrong_event: 'bad',
    bad_signature: 'bad',
    rules: 'bad',
    rules_unreadable: 'bad',
};

/** Where staff may answer for letting somebody in; not where the organiser said no, nor where nobody knows who it is. */
const mayOverride: ReadonlySet<Kind> = new Set<Kind>([
    'already_in',
    'unpaid',
    'wrong_category',
    'too_early',
    'too_late',
    'rules',
    'rules_unreadable',
]);

export interface Look {
    tone: Tone;
    /** What the words are under: `verdict.<kind>.word`, `.why`, `.do`. */
    kind: Kind | 'let_in';
    /** What stands in the words. */
    values: Record<string, string>;
    mayOverride: boolean;
}

export interface Knows {
    formats: Formats;
    now: number;
    checkpoints: Checkpoint[];
    /** Who worked with a device, if it was heard of. */
    nameOf: (device: string) => string;
}

export function look(result: ScanResult, knows: Knows): Look {
    const { verdict } = result;
    if (result.recorded && verdict.type !== 'admitted') {
        return { tone: 'ok', kind: 'let_in', values: {}, mayOverride: false };
    }
    const override = mayOverride.has(verdict.type) && result.card !== null;
    return { tone: tones[verdict.type], kind: verdict.type, values: values(verdict, knows), mayOverride: override };
}

function values(verdict: Verdict, { formats, now, checkpoints, nameOf }: Knows): Record<string, string> {
    switch (verdict.type) {
        case 'already_in': {
            const place = checkpoints.find(({ id }) => id === verdict.checkpoint)?.name ?? '';
            return { time: formats.near(verdict.at, now), place, by: nameOf(verdict.device) };
        }
        case 'wrong_category':
            return { category: verdict.category, admits: verdict.admits.join(', ') };
        case 'too_early':
            return { time: formats.near(verdict.admitsFrom, now) };
        case 'too_late':
            return { time: formats.near(verdict.admittedUntil, now) };
        case 'rules':
            return { reasons: verdict.reasons.join('; ') };
        default:
            return {};
    }
}

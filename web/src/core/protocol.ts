/** What a page and its worker, and the workers of several tabs, say to each other. */
import type { Problem, RetryClass, Topic } from './records';

/** The lock that the one worker holds that has the database open. */
export const LOCK = 'muster-core';

/** The channel over which the workers of other tabs reach that one. */
export const CHANNEL = 'muster-core';

/** A call, numbered by whoever makes it. */
export interface Call {
    call: number;
    method: string;
    args: unknown[];
}

/** What came of a call. */
export type Answer = { answer: number; value: unknown } | { answer: number; problem: Problem };

/** What a worker tells its page. */
export type ToPage =
    | Answer
    | { changed: Topic[] }
    /** The worker ends: the call that it panicked in, if one of this page's; whatever else waits was not begun. */
    | { dying: number | null };

/** What workers say on the channel. `tab` is a random name of a worker. */
export type OnChannel =
    /** A tab without the database asks something of the one that has it. */
    | ({ from: string } & Call)
    /** It has been begun: from here on nobody else may carry it out. */
    | { to: string; begun: number }
    /** Its answer. */
    | ({ to: string } & Answer)
    /** Somebody came: whoever has the database says so. */
    | { hello: string }
    /** This one has the database open. */
    | { leader: string }
    | { changed: Topic[] }
    /** The one that has it ends, in the call of somebody else's that `to` names, or of its own; the rest was not begun. */
    | { dying: string; to: string | null; call: number };

/** Calls that change nothing: to be made again if nobody knows what became of them. */
const QUESTIONS: ReadonlySet<string> = new Set([
    'me',
    'status',
    'event',
    'checkpoints',
    'search',
    'attendee',
    'counts',
    'doubleAdmissions',
    'rooms',
    'sessions',
    'readinessBoard',
    'checklist',
    'incidents',
    'arrivals',
    'myLogistics',
    'logistics',
    'ownFacts',
    'unsentFacts',
    'unsentEdits',
    'conflicts',
    'storage',
    'accessToken',
    'startSync',
    'stopSync',
    'offerAgain',
    'setLabel',
]);

export function mayBeRepeated(method: string): boolean {
    return QUESTIONS.has(method);
}

export function problem(code: string, retry: RetryClass, remedy: string, detail: string): Problem {
    return { code, retry, remedy, detail };
}

/** Nobody knows whether a command was carried out: whoever did it was ended in that moment. */
export function interrupted(): Problem {
    return problem(
        'interrupted',
        'needs_user',
        'the app was interrupted at that moment: look whether it was recorded, and do it again if it was not',
        'the worker that had the call was ended',
    );
}

export function isProblem(thrown: unknown): thrown is Problem {
    return typeof thrown === 'object' && thrown !== null && 'code' in thrown && 'remedy' in thrown;
}

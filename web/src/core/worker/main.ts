/**
 * Every tab has one such worker. One of them holds the lock and has the database open; the others pass on what their pages
 * ask, and take its place when it ends. The browser lets go of the lock of whatever ends, however it ends.
 */
import {
    CHANNEL,
    LOCK,
    interrupted,
    isProblem,
    mayBeRepeated,
    problem,
    type Answer,
    type Call,
    type OnChannel,
    type ToPage,
} from '../protocol';
import type { Problem } from '../records';
import { Host, Panicked } from './host';

/** A call of this worker's page. */
interface Waiting extends Call {
    /** The leader that it was passed on to, if it was. */
    with: string | null;
    /** Whether that one has begun it. */
    begun: boolean;
}

const me = crypto.randomUUID();
const channel = new BroadcastChannel(CHANNEL);
const waiting = new Map<number, Waiting>();
let host: Host | null = null;
let leader: string | null = null;
/** Whether this worker's page wants to be in step with the servers: it is then, whichever worker has the database. */
let syncs = false;

const toPage = (message: ToPage): void => {
    self.postMessage(message);
};
const toAll = (message: OnChannel): void => {
    channel.postMessage(message);
};

self.onmessage = ({ data }: MessageEvent<Call>) => {
    if (data.method === 'shutdown') {
        shutdown(data.call);
        return;
    }
    if (data.method === 'startSync') syncs = true;
    if (data.method === 'stopSync') syncs = false;
    const call: Waiting = { ...data, with: null, begun: false };
    waiting.set(call.call, call);
    place(call);
};

/** Hands a call to whoever has the database; while nobody has, it waits. */
function place(call: Waiting): void {
    if (host) {
        void here(call);
    } else if (leader) {
        call.with = leader;
        toAll({ from: me, call: call.call, method: call.method, args: call.args });
    }
}

async function here(call: Call): Promise<void> {
    const answer = await carriedOut(call, null);
    settle(answer);
}

/** Carries a call out. A panic ends this worker, and everybody is told in which call. */
async function carriedOut(call: Call, from: string | null): Promise<Answer> {
    try {
        if (!host) throw interrupted();
        return { answer: call.call, value: await host.call(call.method, call.args) };
    } catch (thrown) {
        if (isProblem(thrown)) return { answer: call.call, problem: thrown };
        die(thrown, from, call.call);
        return { answer: call.call, problem: fault(thrown) };
    }
}

function fault(thrown: unknown): Problem {
    const detail = thrown instanceof Error ? thrown.message : 'the worker failed';
    return problem('internal', 'permanent', 'the app has a fault; report it with what you did', detail);
}

/** Ends this worker; nothing of the module may be called again. What was answered before has gone out before. */
function die(why: unknown, from: string | null, call: number | null): void {
    host = null;
    if (call !== null && from !== null) toAll({ to: from, answer: call, problem: fault(why) });
    if (call !== null && from === null) settle({ answer: call, problem: fault(why) });
    toAll({ dying: me, to: from, call: call ?? -1 });
    toPage({ dying: from === null ? call : null });
    channel.close();
    self.close();
}

/** Ends this tab's part: another tab, if there is one, takes its place. */
function shutdown(call: number): void {
    host?.close();
    if (host) toAll({ dying: me, to: null, call });
    host = null;
    toPage({ answer: call, value: undefined });
    channel.close();
    self.close();
}

function settle(answer: Answer): void {
    if (waiting.delete(answer.answer)) toPage(answer);
}

channel.onmessage = ({ data }: MessageEvent<OnChannel>) => {
    if ('from' in data) {
        if (!host) return;
        toAll({ to: data.from, begun: data.call });
        void carriedOut(data, data.from).then((answer) => {
            toAll({ to: data.from, ...answer });
        });
    } else if ('hello' in data) {
        if (host) toAll({ leader: me });
    } else if ('dying' in data) {
        // What it had not begun the next one gets.
        for (const call of waiting.values()) if (call.with === data.dying) call.with = null;
        if (leader === data.dying) leader = null;
    } else if ('leader' in data) {
        follow(data.leader);
    } else if ('changed' in data) {
        toPage(data);
    } else if (data.to === me && 'begun' in data) {
        const call = waiting.get(data.begun);
        if (call) call.begun = true;
    } else if (data.to === me && 'answer' in data) {
        settle(data);
    }
};

/** Somebody has the database. Whoever had it before is gone. */
function follow(next: string): void {
    leader = next;
    for (const call of [...waiting.values()]) {
        if (call.with === next) continue;
        if (call.begun && !mayBeRepeated(call.method)) settle({ answer: call.call, problem: interrupted() });
        else {
            call.begun = false;
            place(call);
        }
    }
    toPage({ changed: [] });
}

/** This worker has the lock: it opens the database and keeps it until it ends. */
async function lead(): Promise<never> {
    try {
        host = await Host.open({
            changed(topics) {
                toPage({ changed: topics });
                toAll({ changed: topics });
            },
            panicked(why: Panicked) {
                die(why, null, null);
            },
        });
    } catch (thrown) {
        die(thrown, null, null);
    }
    // The one before was asked for it; nobody asks again.
    if (host && syncs) await carriedOut({ call: 0, method: 'startSync', args: [] }, null);
    if (host) {
        toAll({ leader: me });
        follow(me);
    }
    return new Promise<never>(() => undefined);
}

toAll({ hello: me });
void navigator.locks.request(LOCK, lead);

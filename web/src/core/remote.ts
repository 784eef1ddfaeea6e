/** The core on the page's side: every call goes to this tab's worker, and comes back as a promise. */
import { MusterError, type ChangeListener, type Core, type Subscription } from './api';
import { interrupted, mayBeRepeated, type Call, type ToPage } from './protocol';
import type { Problem, Topic } from './records';

/** Every topic, for a listener that may have missed some. */
const ALL: Topic[] = [
    'event',
    'program',
    'attendees',
    'checkins',
    'double_admissions',
    'readiness',
    'incidents',
    'arrivals',
    'logistics',
    'status',
    'conflicts',
];

/** A worker that ends this often without having answered anything will not do better the next time. */
const MAX_ENDS = 5;

interface Waiting extends Call {
    resolve(value: unknown): void;
    reject(error: MusterError): void;
}

/** Calls that go to the worker by their names and with their arguments as they are. */
type Passed = Omit<Core, 'subscribe' | 'decodeQr' | 'shutdown'>;

class Page {
    readonly #start: () => Worker;
    #worker: Worker;
    #next = 0;
    #ends = 0;
    /** Whether the page wants to be in step with the servers; the worker that takes another's place has to be told. */
    #syncs = false;
    #given: Problem | null = null;
    readonly #waiting = new Map<number, Waiting>();
    readonly #listeners = new Set<ChangeListener>();

    constructor(start: () => Worker) {
        this.#start = start;
        this.#worker = this.#started();
    }

    #started(): Worker {
        const worker = this.#start();
        worker.onmessage = ({ data }: MessageEvent<ToPage>) => {
            if (worker !== this.#worker) return;
            if ('answer' in data) this.#answered(data.answer, data);
            else if ('changed' in data) this.#tell(data.changed.length === 0 ? ALL : data.changed);
            else this.#again((call) => call.call !== data.dying);
        };
        // Not a panic of the core, which the worker survives long enough to tell: it could not be loaded, or was killed.
        worker.onerror = (event) => {
            event.preventDefault();
            if (worker === this.#worker) this.#again((call) => mayBeRepeated(call.method));
        };
        return worker;
    }

    /** Starts another worker, which opens the database again, and gives it what was not begun. */
    #again(wasNotBegun: (call: Call) => boolean): void {
        this.#worker.terminate();
        this.#ends += 1;
        if (this.#ends > MAX_ENDS) {
            const remedy = 'the app cannot start; close its other windows and open it again';
            this.#given = { code: 'internal', retry: 'permanent', remedy, detail: 'the worker ends again and again' };
        }
        for (const call of [...this.#waiting.values()]) {
            const why = this.#given ?? (wasNotBegun(call) ? null : interrupted());
            if (why) this.#answered(call.call, { problem: why });
        }
        if (this.#given) return;
        this.#worker = this.#started();
        if (this.#syncs) this.#worker.postMessage({ call: 0, method: 'startSync', args: [] } satisfies Call);
        for (const { call, method, args } of this.#waiting.values()) this.#worker.postMessage({ call, method, args });
    }

    #answered(call: number, answer: { value: unknown } | { problem: Problem }): void {
        const waiting = this.#waiting.get(call);
        if (!waiting) return;
        this.#waiting.delete(call);
        if ('problem' in answer) {
            const { code, retry, remedy, detail } = answer.problem;
            waiting.reject(new MusterError(code, retry, remedy, detail));
        } else {
            this.#ends = 0;
            waiting.resolve(answer.value);
        }
    }

    #tell(topics: Topic[]): void {
        for (const listener of [...this.#listeners]) {
            try {
                listener(topics);
            } catch (thrown) {
                // It is called again at the next change; others are not to suffer for it.
                reportError(thrown);
            }
        }
    }

    call(method: string, args: unknown[]): Promise<unknown> {
        if (method === 'startSync') this.#syncs = true;
        if (method === 'stopSync') this.#syncs = false;
        return new Promise((resolve, reject) => {
            const call = (this.#next += 1);
            this.#waiting.set(call, { call, method, args, resolve, reject });
            if (this.#given) this.#answered(call, { problem: this.#given });
            else this.#worker.postMessage({ call, method, args } satisfies Call);
        });
    }

    /** Ends this tab's worker; whatever is asked afterwards is refused. */
    async shutdown(): Promise<void> {
        if (this.#given) return;
        const ended = this.call('shutdown', []);
        const [remedy, detail] = ['the client is closed: open it again', 'the client was closed'];
        this.#given = { code: 'closed', retry: 'needs_user', remedy, detail };
        await ended;
        for (const call of [...this.#waiting.keys()]) this.#answered(call, { problem: this.#given });
        this.#listeners.clear();
    }

    subscribe(listener: ChangeListener): Subscription {
        // A listener of its own for each call, so that one function may be given twice.
        const own: ChangeListener = (topics) => {
            listener(topics);
        };
        this.#listeners.add(own);
        return { cancel: () => void this.#listeners.delete(own) };
    }
}

/** Opens the core over a worker of this tab. `decodeQr` reads pictures where the browser itself cannot. */
export function openRemote(start: () => Worker, decodeQr: Core['decodeQr']): Core {
    const page = new Page(start);
    const passed: { [Name in keyof Passed]: true } = {
        me: true, status: true, event: true, checkpoints: true, search: true, attendee: true, counts: true,
        doubleAdmissions: true, rooms: true, sessions: true, readinessBoard: true, checklist: true, incidents: true,
        arrivals: true, myLogistics: true, logistics: true, ownFacts: true, unsentFacts: true, unsentEdits: true,
        conflicts: true, editAttendee: true, editSession: true, editRoom: true, editCheckpoint: true, editNeeds: true,
        choose: true, scan: true, scanBytes: true,
        checkIn: true, exit: true, undo: true, walkIn: true, settle: true, observe: true, reportIncident: true,
        arrive: true, offerAgain: true, setLabel: true, enrol: true, startSync: true, stopSync: true, storage: true, accessToken: true,
        signIn: true, signOut: true, recoverDatabase: true,
    }; // prettier-ignore
    const calls = Object.keys(passed).map((name) => [name, (...args: unknown[]) => page.call(name, args)]);
    return {
        ...(Object.fromEntries(calls) as Passed),
        subscribe: (listener) => page.subscribe(listener),
        shutdown: () => page.shutdown(),
        decodeQr,
    };
}

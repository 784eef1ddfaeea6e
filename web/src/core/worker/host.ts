/** The worker that has the database: opens it, answers calls one after the other, and says when it must end. */
import type { Problem, Topic } from '../records';
import { isProblem, problem } from '../protocol';
import init, { Client, panicOnPurpose, type Config, type StorageKind } from '../wasm/muster_web';
import moduleUrl from '../wasm/muster_web_bg.wasm?url';
import { BrowserShell, post } from './shell';

/** One database an event, and one event a browser profile. */
const DATABASE = 'event';

/** How often, and how soon, a database is opened again that a worker has not let go of yet that is just ending. */
const BUSY_TRIES = 40;
const BUSY_PAUSE_MS = 125;

/** For how long what waits to be sent is waited for before the device forgets the event. */
const HAND_OVER_MS = 20_000;

/** For how long a token is waited for. */
const TOKEN_MS = 20_000;

/** The module ended in a panic: nothing of it may be called again. */
export class Panicked extends Error {}

/** What the module lives in. */
let memory: WebAssembly.Memory | null = null;

let panickedAt = '';
Object.assign(globalThis, {
    musterPanicked: (at: string) => {
        panickedAt = at;
    },
});

/**
 * Chromium says that there is no space with a number of bytes written that cannot be (its -8, read without a sign), which
 * SQLite would be told as a disk that fails. As the standard has it, that is an exception of this name.
 */
function sayWhenFull(): void {
    // A private window of some browsers has none.
    if (typeof FileSystemSyncAccessHandle === 'undefined') return;
    const files = FileSystemSyncAccessHandle.prototype;
    const write = files.write;
    files.write = function (this: FileSystemSyncAccessHandle, bytes, at) {
        const written = write.call(this, bytes, at);
        if (written !== bytes.byteLength) throw new DOMException('no space is left', 'QuotaExceededError');
        return written;
    };
}

export interface Listener {
    changed(topics: Topic[]): void;
    /** The core panicked while nobody's call was under way. */
    panicked(why: Panicked): void;
}

export class Host {
    readonly #listener: Listener;
    #shell: BrowserShell;
    #client: Client | null = null;
    #storage: StorageKind = 'durable';
    /** Why there is no client: the database is damaged, or of a later version. */
    #closed: Problem | null = null;
    readonly #waiting = new Set<() => void>();

    private constructor(listener: Listener) {
        this.#listener = listener;
        this.#shell = this.#newShell();
    }

    #newShell(): BrowserShell {
        return new BrowserShell(
            (event) => {
                const client = this.#client;
                if (!client) return;
                try {
                    guarded(() => {
                        event(client);
                    });
                } catch (thrown) {
                    if (thrown instanceof Panicked) this.#listener.panicked(thrown);
                }
            },
            (topics) => {
                this.#listener.changed(topics);
                for (const wake of [...this.#waiting]) wake();
            },
        );
    }

    /** Loads the module and opens the database; a problem with it is told to whoever asks. */
    static async open(listener: Listener): Promise<Host> {
        sayWhenFull();
        memory = (await init({ module_or_path: new URL(moduleUrl, self.location.href) })).memory;
        const host = new Host(listener);
        await host.#open();
        return host;
    }

    #config(): Config {
        return { database: DATABASE, storage: this.#storage };
    }

    async #open(): Promise<void> {
        try {
            this.#client = await patient(() => Client.open(this.#config(), this.#shell));
            this.#closed = null;
        } catch (thrown) {
            if (!isProblem(thrown)) throw thrown;
            if (thrown.code === 'storage_unavailable') {
                this.#storage = 'memory';
                this.#client = await Client.open(this.#config(), this.#shell);
            } else {
                this.#closed = thrown;
            }
        }
    }

    /** One call. Throws a `Problem`, or `Panicked`. */
    async call(method: string, args: unknown[]): Promise<unknown> {
        switch (method) {
            case 'enrol':
                return this.#enrol(text(args[0]), text(args[1]));
            case 'signIn':
                return this.#signIn(text(args[0]), text(args[1]), text(args[2]));
            case 'accessToken':
                return this.#accessToken();
            case 'storage':
                return this.#storageState();
            case 'recoverDatabase':
                return this.#recover();
            case 'signOut':
                return this.#signOut();
            // For measurements; no part of what a page may ask.
            case 'memoryBytes':
                return memory?.buffer.byteLength ?? 0;
            case 'scanBytes':
                return this.call('scan', [args[0], utf8(args[1]), args[2]]);
            case 'panicOnPurpose':
                guarded(panicOnPurpose);
                return undefined;
            default: {
                const given = checked(method, args);
                return this.#run((client) => {
                    const called: unknown = client[method as keyof Client];
                    if (typeof called !== 'function') throw badParameter('there is no such call');
                    const value: unknown = Reflect.apply(called, client, given);
                    // None is `null`, as in every field of a record.
                    return value === undefined && method === 'me' ? null : value;
                });
            }
        }
    }

    #run<T>(use: (client: Client) => T): T {
        const client = this.#client;
        if (!client) throw this.#closed ?? closed();
        return guarded(() => use(client));
    }

    async #enrol(link: string, deviceName: string): Promise<void> {
        const question = this.#run((client) => client.enrolQuestion(link, deviceName));
        const { status, body } = await post(question.url, question.body);
        this.#run((client) => {
            client.enrolled(link, deviceName, status, body);
        });
    }

    /** Whoever signs in gets what an enrolled device gets, in the same words: to the core it is an enrolment at this server. */
    async #signIn(name: string, password: string, event: string): Promise<void> {
        const asked = { name, password, ...(event ? { event_id: event } : {}) };
        const { status, body } = await post(`${location.origin}/api/v1/login`, JSON.stringify(asked));
        this.#run((client) => {
            client.enrolled(`${location.origin}/enrol#login`, '', status, body);
        });
    }

    /** The core renews the token in time as long as a link is open, and before it opens one. */
    async #accessToken(): Promise<string> {
        const enrolled = this.#run((client) => client.me());
        if (!enrolled) throw problem('not_enrolled', 'needs_user', 'this device is not enrolled', 'no token');
        const found = await this.#until(TOKEN_MS, (client) => {
            const token = client.accessToken();
            if (token) return token;
            const refused = client.status().servers.some((server) => server.link.type === 'unauthorized');
            if (refused)
                throw problem('refused', 'needs_user', 'the server does not take this device any more', 'no token');
            return undefined;
        });
        if (found) return found;
        throw problem(
            'unreachable',
            'needs_network',
            'the server cannot be reached: connect to the network and try again',
            'no token in time',
        );
    }

    /** Looks again after every change until there is something, or the time is over. */
    async #until<T>(ms: number, look: (client: Client) => T | undefined): Promise<T | undefined> {
        const end = performance.now() + ms;
        for (;;) {
            const seen = this.#run(look);
            const left = end - performance.now();
            if (seen !== undefined || left <= 0) return seen;
            await new Promise<void>((resolve) => {
                const wake = () => {
                    clearTimeout(timer);
                    this.#waiting.delete(wake);
                    resolve();
                };
                const timer = setTimeout(wake, left);
                this.#waiting.add(wake);
            });
        }
    }

    async #storageState() {
        const { usage, quota } = await navigator.storage.estimate().catch((): StorageEstimate => ({}));
        return { kind: this.#storage, usedBytes: usage ?? null, quotaBytes: quota ?? null };
    }

    async #recover() {
        if (this.#client) {
            throw problem(
                'storage_busy',
                'needs_user',
                'the database opens: there is nothing to put aside',
                'recovery of a good database',
            );
        }
        if (this.#closed?.code !== 'storage_damaged') throw this.#closed ?? closed();
        const client = await Client.recoverDatabase(this.#config(), this.#shell);
        this.#client = client;
        this.#closed = null;
        return client.putAside();
    }

    /** Sends first what was not sent, and forgets only what a server has. */
    async #signOut(): Promise<void> {
        const enrolled = this.#run((client) => client.me());
        if (enrolled) {
            const sent = await this.#until(HAND_OVER_MS, (client) => {
                const { keptFacts, keptEdits, servers } = client.status();
                const waiting = servers.map((server) => server.factsNotThere + server.editsNotThere);
                return keptFacts + keptEdits === 0 && waiting.every((count) => count === 0) ? true : undefined;
            });
            if (!sent) {
                throw problem(
                    'unsent_facts',
                    'needs_network',
                    'something is not on the server yet: connect to the network and try again, or export it',
                    'facts are not sent',
                );
            }
        }
        this.close();
        await guardedAsync(Client.forget(this.#config()));
        this.#shell = this.#newShell();
        await this.#open();
    }

    close(): void {
        this.#shell.close();
        this.#client?.free();
        this.#client = null;
        this.#closed = null;
    }
}

/**
 * The calls that a page may make by their names, with their arguments: `s` a text, `n` a number that may be left out, `t` a text and
 * `o` a record or a name that may be, too, `l` a list. A module that gets something else ends.
 */
const METHODS: Readonly<Record<string, string>> = {
    me: '',
    status: '',
    event: '',
    checkpoints: '',
    search: 'sn',
    attendee: 's',
    counts: 's',
    doubleAdmissions: '',
    rooms: '',
    sessions: 'o',
    readinessBoard: 'o',
    checklist: 's',
    incidents: '',
    arrivals: '',
    myLogistics: '',
    logistics: 's',
    ownFacts: '',
    unsentFacts: '',
    unsentEdits: '',
    conflicts: '',
    editAttendee: 'sl',
    editSession: 'sl',
    editRoom: 'sl',
    editCheckpoint: 'sl',
    editNeeds: 'sl',
    choose: 'o',
    scan: 'sso',
    checkIn: 'o',
    exit: 'ss',
    undo: 'ss',
    walkIn: 'o',
    settle: 'o',
    observe: 'ssot',
    reportIncident: 'o',
    arrive: 's',
    offerAgain: '',
    setLabel: 's',
    startSync: '',
    stopSync: '',
};

function fits(kind: string, value: unknown): boolean {
    const none = value === undefined || value === null;
    if (kind === 's') return typeof value === 'string';
    if (kind === 't') return none || typeof value === 'string';
    if (kind === 'l') return Array.isArray(value);
    if (kind === 'n') return none || (Number.isInteger(value) && Number(value) >= 0);
    return none || typeof value === 'object' || typeof value === 'string';
}

/** The arguments as the module takes them; what a page gives too many of is left out. */
function checked(method: string, args: unknown[]): unknown[] {
    const kinds = Object.hasOwn(METHODS, method) ? METHODS[method] : undefined;
    if (kinds === undefined) throw badParameter('there is no such call');
    const given = [...kinds].map((_, at) => args[at]);
    if (![...kinds].every((kind, at) => fits(kind, given[at]))) throw badParameter('an argument has another type');
    return given;
}

/** Runs into the module; a trap ends it, and says where. */
function guarded<T>(run: () => T): T {
    try {
        return run();
    } catch (thrown) {
        throw judged(thrown);
    }
}

async function guardedAsync<T>(running: Promise<T>): Promise<T> {
    try {
        return await running;
    } catch (thrown) {
        throw judged(thrown);
    }
}

function judged(thrown: unknown): unknown {
    if (isProblem(thrown)) return thrown;
    return new Panicked(panickedAt === '' ? 'the module ended' : `panicked at ${panickedAt}`);
}

/** A worker that is just ending may hold its files a moment longer than its lock; nothing tells when it lets go. */
async function patient<T>(open: () => Promise<T>): Promise<T> {
    for (let left = BUSY_TRIES; ; left -= 1) {
        try {
            return await open();
        } catch (thrown) {
            if (left === 0 || !isProblem(thrown) || thrown.code !== 'storage_busy') throw judged(thrown);
            await new Promise((resolve) => setTimeout(resolve, BUSY_PAUSE_MS));
        }
    }
}

function text(value: unknown): string {
    if (typeof value !== 'string') throw badParameter('an argument is no text');
    return value;
}

function utf8(value: unknown): string {
    if (!(value instanceof Uint8Array)) throw badParameter('an argument is no list of bytes');
    try {
        return new TextDecoder('utf-8', { fatal: true }).decode(value);
    } catch {
        throw badParameter('the text is not UTF-8');
    }
}

function badParameter(detail: string): Problem {
    return problem('bad_parameter', 'permanent', `the app passed something it must not: ${detail}`, detail);
}

function closed(): Problem {
    return problem('closed', 'needs_user', 'the client is closed: open it again', 'the client was closed');
}

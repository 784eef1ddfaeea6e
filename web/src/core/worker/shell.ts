/** What the core asks for, done with what a browser has: WebSockets, HTTP, one timer. */
import type { Client, Shell, Topic } from '../wasm/muster_web';

/** How long an exchange over HTTP may take. Shorter than the core waits. */
const EXCHANGE_MS = 30_000;

/** How long a WebSocket may take to open. */
const OPENING_MS = 15_000;

/** The largest answer that is read, in letters. */
const MAX_ANSWER = 64 * 1024;

/** How much may wait to be sent before a link counts as one whose network takes nothing. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

/** A timer that sleeps no longer than this, so that time that the device slept through, or a clock that was set, is seen. */
const NAP_MS = 20_000;

interface Link {
    socket: WebSocket;
    opened: boolean;
    /** Ends an attempt that takes too long. */
    opening: ReturnType<typeof setTimeout>;
}

/** An answer over HTTP; status 0 says that there was none. */
export interface Heard {
    status: number;
    body: string;
}

export class BrowserShell implements Shell {
    readonly #links = new Map<number, Link>();
    readonly #tell: (event: (client: Client) => void) => void;
    readonly #listener: (topics: Topic[]) => void;
    readonly #asap = new MessageChannel();
    /** When to wake, by the device's clock and by one that cannot be set: whichever comes first. */
    #wake: { at: number; due: number } | null = null;
    #timer: ReturnType<typeof setTimeout> | undefined;

    /** `tell` hands the core what was heard, never while a call is under way. */
    constructor(tell: (event: (client: Client) => void) => void, changed: (topics: Topic[]) => void) {
        this.#tell = tell;
        this.#listener = changed;
        this.#asap.port1.onmessage = () => {
            this.#ring();
        };
    }

    connect(link: number, url: string, token: string): void {
        const address = new URL(url);
        address.searchParams.set('access_token', token);
        const socket = new WebSocket(address);
        socket.binaryType = 'arraybuffer';
        const opening = setTimeout(() => {
            socket.close();
        }, OPENING_MS);
        const open: Link = { socket, opened: false, opening };
        this.#links.set(link, open);
        socket.onopen = () => {
            clearTimeout(opening);
            open.opened = true;
            this.#tell((client) => {
                client.linkUp(link);
            });
        };
        socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
            this.#tell((client) => {
                if (typeof data === 'string') client.linkText(link);
                else client.linkFrame(link, new Uint8Array(data));
            });
        };
        socket.onclose = ({ reason }) => {
            clearTimeout(opening);
            // One that the core let go of is of no interest any more.
            if (!this.#links.delete(link)) return;
            if (open.opened) {
                this.#tell((client) => {
                    client.linkClosed(link, reason);
                });
            } else {
                void this.#whyNot(link, url, token);
            }
        };
    }

    /** A browser does not say why a WebSocket was refused. The same address without an upgrade does. */
    async #whyNot(link: number, url: string, token: string): Promise<void> {
        const address = url.replace(/^ws/, 'http');
        const { status, body } = await hear(address, { headers: { authorization: `Bearer ${token}` } });
        this.#tell((client) => {
            client.linkNotOpened(link, status, body);
        });
    }

    send(link: number, bytes: Uint8Array): boolean {
        const socket = this.#links.get(link)?.socket;
        if (socket?.readyState !== WebSocket.OPEN || socket.bufferedAmount > MAX_WAITING_BYTES) return false;
        // The bytes are the core's memory, which is never shared; `send` copies them before it returns.
        socket.send(bytes as Uint8Array<ArrayBuffer>);
        return true;
    }

    disconnect(link: number): void {
        const open = this.#links.get(link);
        this.#links.delete(link);
        clearTimeout(open?.opening);
        // What was sent before still goes out.
        open?.socket.close();
    }

    ask(question: number, url: string, body: string): void {
        void post(url, body).then(({ status, body: answered }) => {
            this.#tell((client) => {
                client.answered(question, status, answered);
            });
        });
    }

    wakeIn(ms: number): void {
        const wake = { at: Date.now() + ms, due: performance.now() + ms };
        const earlier = this.#wake;
        this.#wake = earlier ? { at: Math.min(earlier.at, wake.at), due: Math.min(earlier.due, wake.due) } : wake;
        this.#sleep();
    }

    #sleep(): void {
        clearTimeout(this.#timer);
        if (!this.#wake) return;
        const left = Math.min(this.#wake.at - Date.now(), this.#wake.due - performance.now());
        // What can wait goes behind what people ask meanwhile: a message is a turn of its own, and without the pause that
        // timers make.
        if (left <= 0) this.#asap.port2.postMessage(null);
        else
            this.#timer = setTimeout(
                () => {
                    this.#sleep();
                },
                Math.min(left, NAP_MS),
            );
    }

    #ring(): void {
        if (!this.#wake || Math.min(this.#wake.at - Date.now(), this.#wake.due - performance.now()) > 0) return;
        this.#wake = null;
        this.#tell((client) => {
            client.wake();
        });
    }

    changed(topics: Topic[]): void {
        this.#listener(topics);
    }

    /** Closes everything and tells nothing more. */
    close(): void {
        clearTimeout(this.#timer);
        this.#wake = null;
        for (const link of [...this.#links.keys()]) this.disconnect(link);
    }
}

/** Asks with `POST` and JSON. */
export function post(url: string, body: string): Promise<Heard> {
    return hear(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
}

async function hear(url: string, request: RequestInit): Promise<Heard> {
    try {
        const response = await fetch(url, {
            ...request,
            cache: 'no-store',
            credentials: 'omit',
            signal: AbortSignal.timeout(EXCHANGE_MS),
        });
        const body = await response.text();
        // Nothing of Muster's is as long: it reads as an answer without substance.
        return { status: response.status, body: body.length > MAX_ANSWER ? '' : body };
    } catch {
        return { status: 0, body: '' };
    }
}

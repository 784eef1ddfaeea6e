/** What every story needs: the real server as a process, with an event; a browser; a page with the core. */
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { browserPath, shellPath } from '../../tools/browser.mjs';

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '../../..');
const PROGRAM = process.env.MUSTER_SERVER ?? join(ROOT, 'target/debug/muster');
const HARNESS = join(ROOT, 'web/harness-dist');

export const SAMPLES = join(ROOT, 'samples');

/** How a browser without a screen and without a network of its own is started. */
export const FLAGS = [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    // A page that the test gives instead of a server that is down counts as one of the internet's, which may not reach this
    // machine's own address.
    '--disable-features=LocalNetworkAccessChecks',
];

export class Server {
    #child = null;
    #address = '127.0.0.1:0';
    #environment;

    constructor(folder, environment) {
        this.folder = folder;
        this.#environment = { ...process.env, MUSTER_HTTP_WEB_DIR: HARNESS, ...environment };
    }

    static async start(environment = {}) {
        const server = new Server(await mkdtemp(join(tmpdir(), 'muster-web-')), environment);
        await server.restart();
        return server;
    }

    get data() {
        return join(this.folder, 'server');
    }

    get runs() {
        return this.#child !== null;
    }

    get url() {
        return `http://${this.#address}`;
    }

    /** Starts it, at the same address as before. */
    async restart() {
        const log = await open(join(this.folder, 'server.log'), 'a');
        const args = ['serve', '--listen', this.#address, '--data', this.data];
        const child = spawn(PROGRAM, args, { stdio: ['ignore', log.fd, log.fd], env: this.#environment });
        this.#child = child;
        await log.close();
        this.#address = await ready(this.data, child, join(this.folder, 'server.log'));
    }

    /** Kills it as a power cut would. */
    async kill() {
        const child = this.#child;
        this.#child = null;
        if (!child || child.exitCode !== null) return;
        const ended = new Promise((done) => child.once('exit', done));
        child.kill('SIGKILL');
        await ended;
    }

    async stop() {
        await this.kill();
        await rm(this.folder, { recursive: true, force: true });
    }

    /** Runs a command of `muster` and gives what it prints. */
    async said(...args) {
        const options = { env: this.#environment, maxBuffer: 64 * 1024 * 1024 };
        const { stdout } = await run(PROGRAM, [...args, '--data', this.data], options);
        return stdout;
    }

    /** Runs a command of `muster` and gives its JSON. */
    async command(...args) {
        return JSON.parse(await this.said(...args, '--json'));
    }

    /** Creates an event with the sample conference. */
    async event(...files) {
        const { event_id: event } = await this.command(
            'event',
            'create',
            '--name',
            'Web',
            '--time-zone',
            'Europe/Riga',
        );
        for (const file of files) await this.command('event', 'import', event, file);
        return event;
    }

    async invite(event, role, name) {
        return (await this.command('device', 'add', event, '--role', role, '--name', name)).link;
    }
}

async function ready(data, child, log) {
    for (const end = Date.now() + 60_000; Date.now() < end;) {
        if (child.exitCode !== null) throw new Error(`muster ended: ${await readFile(log, 'utf8')}`);
        const written = await readFile(join(data, 'server.json'), 'utf8').then(JSON.parse, () => null);
        // A server that was killed has left its file behind: only this process's counts.
        if (written?.pid === child.pid && (await answers(written.address))) return written.address;
        await new Promise((again) => setTimeout(again, 20));
    }
    throw new Error('muster was not ready within 60 s');
}

function answers(address) {
    const [host, port] = address.split(':');
    return new Promise((told) => {
        const socket = connect(Number(port), host, () => {
            socket.destroy();
            told(true);
        });
        socket.on('error', () => told(false));
    });
}

export function launch(args = []) {
    return chromium.launch({ executablePath: shellPath(), args: [...FLAGS, ...args] });
}

/** A phone: a context of its own, whose pages find the harness even when there is no server. `first` is what its workers run
 * before anything else. */
export async function phone(browser, server, first = '') {
    const context = await browser.newContext();
    await context.route(
        (url) => url.origin === server.url && !url.pathname.startsWith('/api') && url.pathname !== '/sync',
        async (route) => {
            const { pathname } = new URL(route.request().url());
            const file = pathname === '/' ? 'index.html' : pathname.slice(1);
            if (first && /^assets\/main-.*\.js$/.test(file)) {
                const script = await readFile(join(HARNESS, file), 'utf8');
                await route.fulfill({ contentType: 'text/javascript', body: first + script });
            } else if (server.runs) {
                await route.continue();
            } else {
                await route.fulfill({ path: join(HARNESS, file) });
            }
        },
    );
    return context;
}

/** A browser with one profile on the disk, as people have it: in the others, files lie with another process that is asked for
 * every page, which makes an index of 50,000 people twelve times slower. */
export function usersBrowser(profile) {
    return chromium.launchPersistentContext(profile, { executablePath: browserPath(), args: FLAGS });
}

/** Opens a tab with the core. */
export async function tab(context, server) {
    const page = await context.newPage();
    page.errors = [];
    page.on('pageerror', (error) => page.errors.push(error));
    await page.goto(`${server.url}/`);
    await page.waitForFunction(() => document.title === 'open');
    return page;
}

/** One call of the core; rejects with an error whose `code` is the core's. */
export async function call(page, method, ...args) {
    const answer = await page.evaluate(
        async ([name, given]) => {
            try {
                return { value: await globalThis.core[name](...given) };
            } catch (error) {
                return {
                    problem: {
                        code: error.code ?? 'none',
                        retry: error.retry,
                        text: String(error),
                        detail: error.detail,
                    },
                };
            }
        },
        [method, args],
    );
    if (!answer.problem) return answer.value;
    throw Object.assign(new Error(`${answer.problem.text} (${answer.problem.detail})`), answer.problem);
}

/** Waits until what a call says is as wanted; looks again after each change that the core tells. */
export async function until(page, method, args, wanted, ms = 30_000) {
    // As one text, since a function that is handed over would have to be made there from text, which the policy forbids.
    const seen = await page.evaluate(`(async () => {
        const end = performance.now() + ${ms};
        let last;
        for (;;) {
            let subscription;
            const changed = new Promise((resolve) => { subscription = core.subscribe(resolve); });
            try {
                last = await core[${JSON.stringify(method)}](...${JSON.stringify(args)});
                if ((${wanted.toString()})(last)) return { good: last };
            } catch (error) {
                last = String(error);
            }
            const left = end - performance.now();
            if (left <= 0) return { last };
            let timer;
            await Promise.race([changed, new Promise((resolve) => { timer = setTimeout(resolve, left); })]);
            clearTimeout(timer);
            subscription.cancel();
        }
    })()`);
    if (!('good' in seen))
        throw new Error(`${method} never was as wanted, last: ${JSON.stringify(seen.last)?.slice(0, 600)}`);
    return seen.good;
}

/** Enrols, connects and waits until all is here. */
export async function enrolled(page, link, name, ms = 30_000) {
    await call(page, 'enrol', link, name);
    await call(page, 'startSync');
    await until(page, 'status', [], (status) => status.missing.length === 0 && !status.indexing, ms);
}

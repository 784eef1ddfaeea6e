/** What goes wrong on a phone, and the one sentence that it says then: the app as people get it, the real core and server. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SAMPLES, Server, launch } from '../core/stage.mjs';
import { APP, joined, paidTickets, person, verdict, watched, wedge } from './people.mjs';

const DAY_MS = 24 * 60 * 60 * 1_000;
let browser;
let tickets;

before(async () => {
    browser = await launch();
    tickets = await paidTickets();
});
after(() => browser.close());

/** A server with the sample conference. */
async function venue(t, environment = {}) {
    const server = await Server.start({ ...APP, ...environment });
    t.after(() => server.stop());
    server.eventId = await server.event(join(SAMPLES, 'conference.xml'), join(SAMPLES, 'attendees.csv'));
    return server;
}

/** A door phone that has everything, and needs no server to be opened again. */
async function door(t, server, more) {
    const page = await person(t, browser, more);
    await joined(page, await server.invite(server.eventId, 'staff', 'Gate A'), 'Gate A');
    if (more?.serviceWorkers !== 'block')
        await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    return page;
}

/** Another tab of the same phone. */
async function tab(page) {
    const other = watched(await page.context().newPage());
    await other.goto(new URL('/door', page.url()).href);
    return other;
}

async function admit(page, ticket) {
    await wedge(page, ticket.code);
    await verdict(page, 'Let in', ticket.name);
}

/** Shows that a phone has somebody's admission. The last ticket scanned within three seconds is the same scan to the core. */
async function refuse(page, ticket) {
    await wedge(page, ticket.code);
    await verdict(page, 'Already in', ticket.name);
}

/** Waits until the phone says that all it recorded is on the server. */
async function sent(page) {
    await page.getByRole('link', { name: 'Settings' }).click();
    await page.getByText('everything is on the server').first().waitFor({ timeout: 60_000 });
}

/** What the server has of these tickets' admissions. */
async function admissions(server, ...wanted) {
    const list = await server.said('event', 'export', server.eventId, '--format', 'checkins-csv');
    return wanted.map(({ name }) => list.split('\n').filter((line) => line.includes(name)));
}

test('two tabs are one phone, and the second goes on when the first is closed', async (t) => {
    const server = await venue(t);
    const page = await door(t, server);
    const second = await tab(page);
    await admit(page, tickets[0]);
    await admit(second, tickets[1]);
    await refuse(second, tickets[0]);
    await page.close();
    await admit(second, tickets[2]);
    await sent(second);
    const all = await admissions(server, ...tickets.slice(0, 3));
    assert.deepEqual(
        all.map((lines) => lines.length),
        [1, 1, 1],
    );
    assert.deepEqual([...page.faults, ...second.faults], []);
});

test('a tab that is killed has kept what it showed', async (t) => {
    const server = await venue(t);
    const page = await door(t, server);
    await server.kill();
    await wedge(page, tickets[0].code);
    await page.getByRole('alertdialog', { name: 'Let in' }).getByText(tickets[0].name).waitFor();
    const crashed = page.waitForEvent('crash');
    const session = await page.context().newCDPSession(page);
    // The next one is on its way when the tab ends; it was not shown. Neither is ever answered.
    void wedge(page, tickets[1].code).catch(() => undefined);
    void session.send('Page.crash').catch(() => undefined);
    await crashed;
    const again = await tab(page);
    await refuse(again, tickets[0]);
    await server.restart();
    await sent(again);
    const [kept] = await admissions(server, tickets[0]);
    assert.equal(kept.length, 1);
});

/** A service worker that is newer than the app's, and does nothing but take its place when it is asked to. */
const NEWER = `self.addEventListener('message', (event) => {
    if (event.data?.type === 'SKIP_WAITING') self.skipWaiting();
});
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));`;

test('an app update waits until what was recorded is on the server', async (t) => {
    const server = await venue(t);
    const page = await door(t, server);
    const second = await tab(page);
    await server.kill();
    await admit(page, tickets[0]);
    // There is a newer app, but nothing takes what the phone has to send.
    const { port } = new URL(server.url);
    const half = createServer(({ url }, response) => {
        if (url !== '/sw.js') return response.writeHead(503).end();
        return response.writeHead(200, { 'content-type': 'text/javascript' }).end(NEWER);
    });
    await new Promise((ready) => half.listen(Number(port), '127.0.0.1', ready));
    await page.evaluate(async () => {
        const registration = await navigator.serviceWorker.ready;
        const waiting = new Promise((told) => {
            registration.addEventListener('updatefound', () => {
                const worker = registration.installing;
                worker.addEventListener('statechange', () => worker.state === 'installed' && told());
            });
        });
        await registration.update();
        await waiting;
    });
    const offered = page.getByText('A newer version is ready');
    assert.equal(await offered.count(), 0, 'not amid a queue');
    await admit(page, tickets[1]);
    assert.equal(await offered.count(), 0, 'nor after another one');
    half.closeAllConnections();
    await new Promise((closed) => half.close(closed));
    await server.restart();
    await offered.waitFor({ timeout: 60_000 });
    await second.getByText('A newer version is ready').waitFor();
    // Both tabs are of the newer version then, and the phone goes on.
    const other = second.waitForEvent('load');
    await Promise.all([page.waitForEvent('load'), page.getByRole('button', { name: 'Update now' }).click()]);
    await other;
    await refuse(page, tickets[0]);
    await refuse(second, tickets[1]);
    assert.deepEqual(page.faults, []);
});

test('a browser that does not keep the app is told of, and asked again', async (t) => {
    const server = await venue(t);
    const page = await person(t, browser);
    await page.addInitScript(() => {
        const container = navigator.serviceWorker;
        const register = container.register.bind(container);
        container.register = () => {
            container.register = register;
            return Promise.reject(new TypeError('the network broke off'));
        };
    });
    await page.goto(await server.invite(server.eventId, 'staff', 'Gate A'));
    await page.getByRole('button', { name: 'Join' }).click();
    await page.getByText('Everything is here while this tab stays open').waitFor();
    await page.getByText('Everything is here. The network is not needed any more.').waitFor();
    await server.kill();
    await page.reload();
    await page.getByText('Everything is here. The network is not needed any more.').waitFor();
    assert.deepEqual(page.faults, []);
});

test('a token that ended is exchanged without anybody noticing', async (t) => {
    const server = await venue(t, { MUSTER_AUTH_ACCESS_TOKEN_S: '3' });
    const page = await door(t, server);
    await server.kill();
    // It is good for three seconds more at the most.
    const ended = page.evaluate(() => new Promise((told) => setTimeout(told, 4_000)));
    await admit(page, tickets[0]);
    await ended;
    await server.restart();
    await sent(page);
    assert.deepEqual(page.faults, []);
});

test('a phone that is revoked hands over, says so and leads to joining again', async (t) => {
    const server = await venue(t);
    const page = await door(t, server);
    const { devices } = await server.command('device', 'list', server.eventId);
    await server.kill();
    await admit(page, tickets[0]);
    await server.restart();
    await server.command('device', 'revoke', server.eventId, devices[0].device_id);
    await page.getByText('This phone was taken out of the event').waitFor({ timeout: 60_000 });
    await page.getByText('ask a coordinator for a new code').waitFor({ timeout: 60_000 });
    await page.goto(await server.invite(server.eventId, 'staff', 'Gate B'));
    await page.getByText('This phone will work as: Staff').waitFor();
    await page.getByRole('button', { name: 'Join' }).click();
    await page.getByText('Everything is here. The network is not needed any more.').waitFor();
    assert.deepEqual(page.faults, []);
});

/** A door phone whose clock can be set: the core asks its worker for the time. It keeps the app's files as a service worker
 * would, since what a service worker hands out cannot be changed on the way. */
async function doorWithClock(t) {
    const server = await venue(t);
    const page = await person(t, browser, { serviceWorkers: 'block' });
    const kept = new Map();
    let off = 0;
    const isFile = ({ pathname }) => !pathname.startsWith('/api') && pathname !== '/sync';
    await page.context().route(isFile, async (route) => {
        const { pathname } = new URL(route.request().url());
        const path = pathname.includes('.') ? pathname : '/';
        if (!kept.has(path)) {
            const response = await route.fetch();
            const { 'content-encoding': _, 'content-length': __, ...headers } = response.headers();
            kept.set(path, { status: response.status(), headers, body: await response.body() });
        }
        const file = kept.get(path);
        if (!off || !/^\/assets\/main-/.test(path)) return route.fulfill(file);
        const shift = `const trueNow = Date.now; Date.now = () => trueNow() + ${off};\n`;
        return route.fulfill({ ...file, body: shift + file.body.toString() });
    });
    await joined(page, await server.invite(server.eventId, 'staff', 'Gate A'), 'Gate A');
    /** The same phone, with its clock so much ahead from now on. */
    const ahead = async (ms) => {
        off = ms;
        await page.reload();
        await page.getByRole('heading', { name: 'Door', level: 1 }).waitFor();
    };
    return { server, page, ahead };
}

for (const [which, ms] of [
    ['fast', DAY_MS],
    ['slow', -DAY_MS],
]) {
    test(`a clock that is a day ${which} costs nothing, and the server has the true time`, async (t) => {
        const { server, page, ahead } = await doorWithClock(t);
        await ahead(ms);
        await admit(page, tickets[0]);
        await sent(page);
        const [[line]] = await admissions(server, tickets[0]);
        const time = Date.parse(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[^,"]*/.exec(line)?.[0]);
        assert.ok(Math.abs(time - Date.now()) < 10 * 60_000, line);
    });
}

test('a phone that was too long without contact says so, and goes on when it has some', async (t) => {
    const { server, page, ahead } = await doorWithClock(t);
    await server.kill();
    await ahead(30 * DAY_MS);
    await page.getByText('Connect this phone to a network once').first().waitFor();
    await server.restart();
    await page.getByText('Connect this phone to a network once').first().waitFor({ state: 'hidden', timeout: 60_000 });
    await admit(page, tickets[0]);
    await sent(page);
});

test('a full phone says that nothing was recorded, keeps what it had, and goes on when there is space', async (t) => {
    const server = await venue(t);
    const page = await door(t, server);
    await server.kill();
    await admit(page, tickets[0]);
    const session = await page.context().newCDPSession(page);
    const { origin } = new URL(page.url());
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1 });
    const full = page.getByRole('alertdialog', { name: 'Not recorded' });
    let at = 0;
    const shown = page.getByRole('alertdialog');
    // What the files have room for is used up first.
    for (let refused = false; !refused;) {
        at += 1;
        assert.ok(at < 400, 'it was never full');
        await wedge(page, tickets[at].code);
        await shown.waitFor();
        refused = (await full.count()) > 0;
        if (refused) await full.getByText('No space is left on this phone').waitFor();
        await page.keyboard.press('Escape');
        await shown.waitFor({ state: 'hidden' });
    }
    await session.send('Storage.overrideQuotaForOrigin', { origin });
    await admit(page, tickets[at]);
    await refuse(page, tickets[0]);
    await server.restart();
    await sent(page);
    const all = await admissions(server, ...tickets.slice(0, at + 1));
    assert.ok(all.every((lines) => lines.length === 1));
    assert.deepEqual(page.faults, []);
});

test('a panic of the core is not seen at the door', async (t) => {
    const server = await venue(t);
    const page = await person(t, browser);
    await page.addInitScript(() => {
        globalThis.workers = [];
        globalThis.Worker = class extends Worker {
            constructor(...given) {
                super(...given);
                globalThis.workers.push(this);
            }
        };
    });
    await joined(page, await server.invite(server.eventId, 'staff', 'Gate A'), 'Gate A');
    await server.kill();
    await admit(page, tickets[0]);
    const panic = () =>
        page.evaluate(() => globalThis.workers.at(-1).postMessage({ call: -1, method: 'panicOnPurpose', args: [] }));
    await panic();
    await admit(page, tickets[1]);
    await refuse(page, tickets[0]);
    await panic();
    await server.restart();
    await sent(page);
    assert.equal(
        await page.evaluate(() => globalThis.workers.length),
        3,
        'it panicked, and another one took its place',
    );
    assert.deepEqual(page.faults, []);
});

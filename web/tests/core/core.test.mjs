/** The core in a real browser, against the real server: what a door needs of it, and what must not be lost. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { SAMPLES, Server, call, enrolled, launch, phone, tab, until } from './stage.mjs';

let browser;
let tickets;

before(async () => {
    browser = await launch();
    const [head, ...rows] = (await readFile(join(SAMPLES, 'attendees.csv'), 'utf8')).split('\n');
    assert.match(head, /^Ticket code,/);
    const paid = rows.filter((row) => row.includes(',paid,'));
    tickets = paid.map((row) => row.split(',')[0]);
});
after(() => browser.close());

/** A server with the sample conference, stopped with the test. */
async function venue(t, environment) {
    const server = await Server.start(environment);
    t.after(() => server.stop());
    server.eventId = await server.event(join(SAMPLES, 'conference.xml'), join(SAMPLES, 'attendees.csv'));
    return server;
}

/** A door phone that has everything. */
async function door(t, server, name = 'Gate A') {
    const context = await phone(browser, server);
    t.after(() => context.close());
    const page = await tab(context, server);
    await enrolled(page, await server.invite(server.eventId, 'staff', name), name);
    const [entrance] = await call(page, 'checkpoints');
    return { context, page, entrance: entrance.id };
}

const sent = (status) => status.servers.every((server) => server.factsNotThere === 0);

test('a phone enrols, finds people, checks them in, and the server has it', async (t) => {
    const server = await venue(t);
    const { page, entrance } = await door(t, server);
    assert.equal((await call(page, 'me')).role.type, 'staff');
    assert.equal((await call(page, 'storage')).kind, 'durable');
    const hits = await call(page, 'search', 'berzi', 5);
    assert.ok(
        hits.length > 0 &&
            hits.every((hit) => /berzi/i.test(hit.attendee.name.normalize('NFD').replace(/\p{M}/gu, ''))),
    );
    const first = await call(page, 'scan', entrance, tickets[0]);
    assert.equal(first.verdict.type, 'admitted');
    assert.equal(first.recorded.durability, 'on_this_phone');
    const again = await call(page, 'checkIn', { checkpoint: entrance, attendee: first.card.id, via: 'search' });
    assert.equal(again.verdict.type, 'already_in');
    assert.equal((await call(page, 'scan', entrance, 'https://example.org/')).verdict.type, 'unknown');
    await until(page, 'status', [], sent);
    const second = await door(t, server, 'Gate B');
    await until(second.page, 'counts', [entrance], (counts) => counts.total.admitted === 1);
    assert.equal((await call(second.page, 'scan', entrance, tickets[0])).verdict.type, 'already_in');
    assert.ok((await call(page, 'accessToken')).length > 20);
    assert.deepEqual(page.errors, []);
});

test('what is wrong is told with a stable code', async (t) => {
    const server = await venue(t);
    const context = await phone(browser, server);
    t.after(() => context.close());
    const page = await tab(context, server);
    assert.equal(await call(page, 'me'), null);
    await assert.rejects(call(page, 'event'), { code: 'not_enrolled', retry: 'needs_user' });
    await assert.rejects(call(page, 'enrol', 'https://example.org/', 'Gate'), { code: 'enrolment_link' });
    await assert.rejects(call(page, 'enrol', `${server.url}/enrol#${'0'.repeat(26)}`, 'Gate'), {
        code: 'enrolment_code_unknown',
    });
    await enrolled(page, await server.invite(server.eventId, 'staff', 'Gate'), 'Gate');
    await assert.rejects(call(page, 'counts', 'the entrance'), { code: 'bad_parameter' });
    await assert.rejects(
        call(page, 'checkIn', { name: 'Jānis' }),
        (error) => error.code === 'bad_parameter' && !error.message.includes('Jānis'),
    );
    await assert.rejects(call(page, 'search', 7), { code: 'bad_parameter' });
    await assert.rejects(call(page, 'myLogistics'), { code: 'not_allowed' });
    await assert.rejects(call(page, 'recoverDatabase'), { code: 'storage_busy' });
    assert.equal((await call(page, 'checkpoints')).length > 0, true, 'and it goes on');
});

test('a phone works with neither network nor server, is closed and opened, and hands everything over', async (t) => {
    const server = await venue(t);
    const { context, page, entrance } = await door(t, server);
    await context.setOffline(true);
    await server.kill();
    for (const ticket of tickets.slice(0, 20)) {
        assert.equal((await call(page, 'scan', entrance, ticket)).verdict.type, 'admitted');
    }
    assert.equal((await call(page, 'unsentFacts')).length, 20);
    await page.reload();
    await page.waitForFunction(() => document.title === 'open');
    assert.equal((await call(page, 'counts', entrance)).total.admitted, 20);
    await page.close();
    const reopened = await tab(context, server);
    assert.equal((await call(reopened, 'unsentFacts')).length, 20);
    await call(reopened, 'startSync');
    await call(reopened, 'scan', entrance, tickets[20]);
    await server.restart();
    await context.setOffline(false);
    await until(reopened, 'status', [], sent, 60_000);
    const other = await door(t, server, 'Gate B');
    await until(other.page, 'counts', [entrance], (counts) => counts.total.admitted === 21);
});

test('two tabs are one phone, and the second goes on when the first is closed', async (t) => {
    const server = await venue(t);
    const { context, page, entrance } = await door(t, server);
    const second = await tab(context, server);
    assert.deepEqual(await call(second, 'me'), await call(page, 'me'));
    await call(second, 'scan', entrance, tickets[0]);
    await call(page, 'scan', entrance, tickets[1]);
    assert.equal((await call(second, 'counts', entrance)).total.admitted, 2);
    await second.waitForFunction(() => globalThis.told.includes('checkins'));
    await call(second, 'startSync');
    await page.close();
    assert.equal((await call(second, 'scan', entrance, tickets[2])).verdict.type, 'admitted');
    assert.equal((await call(second, 'ownFacts')).length, 3);
    await until(second, 'status', [], sent);
});

test('a tab that is killed in the middle of commits has lost nothing that was shown', async (t) => {
    const server = await venue(t);
    const { context, page, entrance } = await door(t, server);
    const shown = [];
    await page.exposeFunction('shown', (ticket) => shown.push(ticket));
    // As fast as it can, so that one is under way whenever the tab ends.
    const scanning = page.evaluate(
        async ([checkpoint, codes]) => {
            for (const code of codes) {
                const { verdict } = await globalThis.core.scan(checkpoint, code);
                if (verdict.type === 'admitted') void globalThis.shown(code);
            }
        },
        [entrance, tickets.slice(0, 500)],
    );
    await new Promise((resolve) => {
        const look = setInterval(() => {
            if (shown.length >= 40) resolve(clearInterval(look));
        }, 1);
    });
    const session = await context.newCDPSession(page);
    const crashed = page.waitForEvent('crash');
    // Neither is ever answered: the tab is gone.
    void session.send('Page.crash').catch(() => undefined);
    void scanning.catch(() => undefined);
    await crashed;
    const reopened = await tab(context, server);
    const facts = await call(reopened, 'ownFacts');
    const known = new Set();
    for (const { body } of facts) known.add(body.attendee);
    assert.ok(
        facts.length >= shown.length && facts.length <= shown.length + 25,
        `${facts.length} kept, ${shown.length} shown`,
    );
    for (const ticket of shown) {
        const { card, verdict } = await call(reopened, 'scan', entrance, ticket);
        assert.equal(verdict.type, 'already_in');
        assert.ok(known.has(card.id));
    }
    await call(reopened, 'startSync');
    await until(reopened, 'status', [], sent);
});

test('a panic costs the call it happened in, and nothing else', async (t) => {
    const server = await venue(t);
    const { context, page, entrance } = await door(t, server);
    await call(page, 'scan', entrance, tickets[0]);
    const outcomes = await page.evaluate(
        async ([checkpoint, codes]) => {
            const before = globalThis.core.scan(checkpoint, codes[1]);
            globalThis.worker.postMessage({ call: -1, method: 'panicOnPurpose', args: [] });
            // Asked of a worker that ends before it gets to them.
            const behind = [globalThis.core.scan(checkpoint, codes[2]), globalThis.core.me()];
            return Promise.all([before, ...behind]);
        },
        [entrance, tickets],
    );
    assert.deepEqual([outcomes[0].verdict.type, outcomes[1].verdict.type], ['admitted', 'admitted']);
    assert.equal((await call(page, 'ownFacts')).length, 3);
    const second = await tab(context, server);
    await page.evaluate(() => globalThis.worker.postMessage({ call: -2, method: 'panicOnPurpose', args: [] }));
    assert.equal((await call(second, 'scan', entrance, tickets[3])).verdict.type, 'admitted');
    assert.equal((await call(page, 'ownFacts')).length, 4);
    await until(page, 'status', [], sent);
});

test('a token that ended is exchanged without anybody noticing', async (t) => {
    const server = await venue(t, { MUSTER_AUTH_ACCESS_TOKEN_S: '3' });
    const { context, page, entrance } = await door(t, server);
    const first = await call(page, 'accessToken');
    await server.kill();
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 4_000)));
    assert.equal((await call(page, 'scan', entrance, tickets[0])).verdict.type, 'admitted');
    await server.restart();
    await until(page, 'status', [], sent, 60_000);
    assert.notEqual(await call(page, 'accessToken'), first);
    assert.equal(context.pages().length, 1);
});

test('a phone that was revoked hands over what it had not sent, and forgets', async (t) => {
    const server = await venue(t);
    const { page, entrance } = await door(t, server);
    const { device } = await call(page, 'me');
    await call(page, 'stopSync');
    await call(page, 'scan', entrance, tickets[0]);
    await server.command('device', 'revoke', server.eventId, device);
    await call(page, 'startSync');
    const status = await until(page, 'status', [], (seen) => seen.standing === 'forgotten', 60_000);
    assert.equal(status.keptFacts, 0);
    await assert.rejects(call(page, 'search', 'berzins'), { code: 'device_revoked' });
    await enrolled(page, await server.invite(server.eventId, 'staff', 'Gate C'), 'Gate C');
    assert.equal((await call(page, 'counts', entrance)).total.admitted, 0, 'a coordinator has to look at it first');
});

test('without OPFS it works from memory and says so', async (t) => {
    const server = await venue(t);
    // As a private window of some browsers has it.
    const context = await phone(
        browser,
        server,
        "navigator.storage.getDirectory = () => Promise.reject(new DOMException('no', 'SecurityError'));",
    );
    t.after(() => context.close());
    const page = await tab(context, server);
    await enrolled(page, await server.invite(server.eventId, 'staff', 'Private'), 'Private');
    assert.equal((await call(page, 'storage')).kind, 'memory');
    const [entrance] = await call(page, 'checkpoints');
    await call(page, 'stopSync');
    await call(page, 'scan', entrance.id, tickets[0]);
    assert.equal((await call(page, 'unsentFacts')).length, 1);
    await call(page, 'startSync');
    await until(page, 'status', [], sent);
});

test('signing out forgets the event, and refuses while something is not sent', async (t) => {
    const server = await venue(t);
    const { page, entrance } = await door(t, server);
    await call(page, 'scan', entrance, tickets[0]);
    await call(page, 'signOut');
    assert.equal(await call(page, 'me'), null);
    await enrolled(page, await server.invite(server.eventId, 'staff', 'Gate B'), 'Gate B');
    assert.equal((await call(page, 'counts', entrance)).total.admitted, 1, 'it was sent first');
    await call(page, 'stopSync');
    await call(page, 'scan', entrance, tickets[1]);
    await assert.rejects(call(page, 'signOut'), { code: 'unsent_facts' });
    assert.equal((await call(page, 'unsentFacts')).length, 1);
});

test('a tab that shuts down lets another one go on', async (t) => {
    const server = await venue(t);
    const { context, page, entrance } = await door(t, server);
    const second = await tab(context, server);
    await call(page, 'scan', entrance, tickets[0]);
    await call(page, 'shutdown');
    await assert.rejects(call(page, 'me'), { code: 'closed' });
    assert.equal((await call(second, 'scan', entrance, tickets[1])).verdict.type, 'admitted');
    assert.equal((await call(second, 'ownFacts')).length, 2);
});

test('a damaged database is put aside, and another one takes its place', async (t) => {
    const server = await venue(t);
    const { context, page } = await door(t, server);
    await call(page, 'shutdown');
    // The files of the pool begin with 4 KiB of its own.
    const damaged = await page.evaluate(async () => {
        let count = 0;
        const visit = async (folder) => {
            for await (const entry of folder.values()) {
                if (entry.kind === 'directory') {
                    await visit(entry);
                } else if ((await entry.getFile()).size > 100_000) {
                    const file = await entry.createWritable({ keepExistingData: true });
                    await file.write({ type: 'write', position: 4096, data: new Uint8Array(4096).fill(255) });
                    await file.close();
                    count += 1;
                }
            }
        };
        await visit(await navigator.storage.getDirectory());
        return count;
    });
    assert.ok(damaged > 0);
    const again = await tab(context, server);
    await assert.rejects(call(again, 'me'), { code: 'storage_damaged', retry: 'needs_user' });
    const aside = await call(again, 'recoverDatabase');
    assert.deepEqual([aside.complete, JSON.parse(aside.exported).complete], [false, false]);
    assert.equal(await call(again, 'me'), null);
    await enrolled(again, await server.invite(server.eventId, 'staff', 'Gate A again'), 'Gate A again');
    await again.reload();
    assert.equal((await call(again, 'checkpoints')).length > 0, true, 'and it is the one that is opened from now on');
});

test('a full phone refuses what it cannot keep, keeps what it had, and goes on when there is space', async (t) => {
    const server = await venue(t);
    const { context, page, entrance } = await door(t, server);
    await call(page, 'stopSync');
    await call(page, 'scan', entrance, tickets[0]);
    const session = await context.newCDPSession(page);
    await session.send('Storage.overrideQuotaForOrigin', { origin: server.url, quotaSize: 1 });
    // What the files have room for is used up first.
    let kept = 1;
    const full = async () => {
        for (; kept < 400; kept += 1) await call(page, 'scan', entrance, tickets[kept]);
    };
    await assert.rejects(full(), { code: 'storage_full', retry: 'needs_user' });
    assert.equal((await call(page, 'counts', entrance)).total.admitted, kept);
    await session.send('Storage.overrideQuotaForOrigin', { origin: server.url });
    assert.equal((await call(page, 'scan', entrance, tickets[kept])).verdict.type, 'admitted');
    await call(page, 'startSync');
    await until(page, 'status', [], sent);
});

test('a database of the version before is brought up to date with everything in it', async (t) => {
    const server = await venue(t);
    const { context, page, entrance } = await door(t, server);
    await call(page, 'stopSync');
    for (const ticket of tickets.slice(0, 5)) await call(page, 'scan', entrance, ticket);
    await call(page, 'shutdown');
    const file = await databaseFile(page);
    const [old, head] = [join(server.folder, 'old.sqlite3'), Buffer.from(file.bytes, 'base64')];
    await writeFile(old, head.subarray(POOL_HEAD));
    assert.equal(userVersion(head), 3);
    // The tables as the first step left them: what the later ones added is taken away again.
    await promisify(execFile)('python3', ['-c', FIRST_VERSION, old]);
    const before = Buffer.concat([head.subarray(0, POOL_HEAD), await readFile(old)]);
    assert.equal(userVersion(before), 1);
    await databaseFile(page, before.toString('base64'));

    const again = await tab(context, server);
    assert.equal((await call(again, 'counts', entrance)).total.admitted, 5);
    assert.equal((await call(again, 'unsentFacts')).length, 5);
    assert.ok((await call(again, 'search', 'berzi', 5)).length > 0);
    assert.equal((await call(again, 'scan', entrance, tickets[0])).verdict.type, 'already_in');
    assert.equal((await call(again, 'scan', entrance, tickets[5])).verdict.type, 'admitted');
    await call(again, 'startSync');
    await until(again, 'status', [], sent);
    await call(again, 'shutdown');
    assert.equal(userVersion(Buffer.from((await databaseFile(again)).bytes, 'base64')), 3);
});

/** A file of the pool begins with so many bytes of its own. */
const POOL_HEAD = 4096;

/** Where a SQLite file says which version its tables have. */
const userVersion = (file) => file.readUInt32BE(POOL_HEAD + 60);

const FIRST_VERSION = `
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.executescript("""
    PRAGMA journal_mode = DELETE;
    DROP INDEX facts_by_ticket;
    DROP INDEX facts_borne;
    ALTER TABLE facts DROP COLUMN ticket;
    ALTER TABLE facts DROP COLUMN borne;
    DROP INDEX outbox_edits;
    ALTER TABLE outbox DROP COLUMN edit;
    DROP TABLE conflicts;
    PRAGMA user_version = 1;
""")
database.close()
`;

/** The pool's file with the database, which nobody has open; with other bytes when some are given. */
function databaseFile(page, bytes) {
    return page.evaluate(async (given) => {
        const folders = [await navigator.storage.getDirectory()];
        for (const folder of folders) {
            for await (const entry of folder.values()) {
                if (entry.kind === 'directory') {
                    folders.push(entry);
                    continue;
                }
                const content = new Uint8Array(await (await entry.getFile()).arrayBuffer());
                if (new TextDecoder().decode(content.subarray(4096, 4111)) !== 'SQLite format 3') continue;
                if (given) {
                    const file = await entry.createWritable();
                    await file.write(Uint8Array.from(atob(given), (letter) => letter.charCodeAt(0)));
                    await file.close();
                }
                let text = '';
                for (let at = 0; at < content.length; at += 8192)
                    text += String.fromCharCode(...content.subarray(at, at + 8192));
                return { bytes: btoa(text) };
            }
        }
        throw new Error('there is no database');
    }, bytes);
}

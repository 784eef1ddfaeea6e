/**
 * How fast the core is in a real browser, against the real server: `cargo xtask bench web`. Every figure is what a page sees:
 * the way to the worker and back is in it.
 *
 *     node tests/core/bench.mjs ATTENDEES.csv [--json]
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Server, call, enrolled, tab, usersBrowser } from './stage.mjs';

const SCANS = 1_000;
const SEARCHES = 600;
const STARTS = 12;

const [list, ...flags] = process.argv.slice(2);
const json = flags.includes('--json');
const rows = (await readFile(list, 'utf8'))
    .trim()
    .split('\n')
    .slice(1)
    .map((row) => row.split(','));
const admitted = rows.filter((row) => row[7] === 'paid').map((row) => row[0]);
const names = rows.map((row) => row[2]).filter((name) => /^\p{L}{4,}$/u.test(name));

function tell(figure, value, unit, aim, count) {
    const rounded = Number(value.toPrecision(4));
    if (json)
        console.log(
            JSON.stringify({ bench: 'web', subject: 'muster', metric: figure, value: rounded, unit, n: count }),
        );
    else
        console.log(
            `web  ${figure.padEnd(28)} ${String(rounded).padStart(9)} ${unit.padEnd(3)} ${aim ? `aim ${aim}` : ''}`,
        );
}

function tellTimes(figure, times, aim) {
    const sorted = [...times].sort((one, other) => one - other);
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
    tell(`${figure}_p50`, at(0.5), 'ms', '', times.length);
    tell(`${figure}_p99`, at(0.99), 'ms', aim, times.length);
}

/** The largest memory that the module has grown to. */
async function moduleBytes(page) {
    return page.evaluate(
        () =>
            new Promise((told) => {
                globalThis.worker.addEventListener('message', ({ data }) => {
                    if (data.answer === -1) told(data.value);
                });
                globalThis.worker.postMessage({ call: -1, method: 'memoryBytes', args: [] });
            }),
    );
}

const server = await Server.start();
const context = await usersBrowser(join(server.folder, 'profile'));
try {
    const event = await server.event(list);
    let page = await tab(context, server);

    const link = await server.invite(event, 'staff', 'Gate A');
    const began = performance.now();
    await enrolled(page, link, 'Gate A', 600_000);
    tell('join_50000_and_index', (performance.now() - began) / 1_000, 's', '', 1);
    const [entrance] = await call(page, 'checkpoints');

    // Shuffled by a fixed step, so that neighbours in the list are not neighbours at the door.
    const codes = Array.from({ length: SCANS }, (_, index) => admitted[(index * 7_919) % admitted.length]);
    const scans = await page.evaluate(
        async ([checkpoint, tickets]) => {
            const times = [];
            for (const ticket of tickets) {
                const start = performance.now();
                const { verdict } = await globalThis.core.scan(checkpoint, ticket);
                times.push(performance.now() - start);
                if (verdict.type !== 'admitted') throw new Error(`a scan was ${verdict.type}`);
                // As a queue at a door: what the core has to send goes out between two scans.
                await new Promise((resolve) => setTimeout(resolve, 10));
            }
            return times;
        },
        [entrance.id, codes],
    );
    tellTimes('scan_to_verdict', scans, '100 ms');

    const commits = await page.evaluate(async (count) => {
        const times = [];
        for (let number = 0; number < count; number += 1) {
            const start = performance.now();
            await globalThis.core.setLabel(`Gate ${number % 2}`);
            times.push(performance.now() - start);
        }
        return times;
    }, SEARCHES);
    tellTimes('durable_commit', commits, '30 ms');

    const typed = [];
    for (let index = 0; typed.length < SEARCHES; index += 1) {
        const name = names[(index * 104_729) % names.length];
        for (let letters = 2; letters <= 4; letters += 1) typed.push(name.slice(0, letters).toLowerCase());
    }
    const searches = await page.evaluate(async (words) => {
        const times = [];
        for (const word of words) {
            const start = performance.now();
            const hits = await globalThis.core.search(word);
            times.push(performance.now() - start);
            if (hits.length === 0) throw new Error('a search found nobody');
        }
        return times;
    }, typed);
    tellTimes('keystroke_to_list', searches, '40 ms');
    tell('module_memory', (await moduleBytes(page)) / 1e6, 'MB', '', 1);

    const starts = [];
    for (let count = 0; count < STARTS; count += 1) {
        await page.close();
        const start = performance.now();
        page = await tab(context, server);
        // Whoever was let in already: the same work as a scan, whoever it is.
        const { verdict } = await call(page, 'scan', entrance.id, codes[count]);
        starts.push(performance.now() - start);
        if (verdict.type !== 'already_in') throw new Error(`a known ticket was ${verdict.type}`);
    }
    tellTimes('cold_start_to_first_scan', starts, '1500 ms');
    tell('module_memory_after_start', (await moduleBytes(page)) / 1e6, 'MB', '', 1);
    const module = await readFile(join(import.meta.dirname, '../../src/core/wasm/muster_web_bg.wasm'));
    tell('module_gzipped', gzipSync(module, { level: 9 }).length / 1e3, 'kB', '900 kB', 1);
} finally {
    await context.close();
    await server.stop();
}

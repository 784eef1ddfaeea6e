/**
 * What Lighthouse says of an enrolled phone's door: fails below 95 in performance, accessibility or best practices.
 *
 *     npm run lighthouse [-- CATEGORY...] [--json]
 *
 * MUSTER_SERVER and MUSTER_HTTP_WEB_DIR are as for test:stories; MUSTER_REPORT=file.html keeps the report.
 *
 * The phone has joined, as every phone at a door has: the app comes from its service worker and the people from its own
 * database. Performance is that of Lighthouse's own phone (its preset `mobile` with simulated throttling): what was measured
 * here is computed for a processor four times slower. It swings with what else this machine does, so the middle one of five
 * looks counts.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import lighthouse from 'lighthouse';
import { launch } from 'puppeteer-core';
import { browserPath } from '../../tools/browser.mjs';
import { FLAGS, SAMPLES, Server } from '../core/stage.mjs';
import { APP } from '../day/people.mjs';
import { PATIENCE_MS, part, says } from '../firefox/firefox.mjs';

const LEAST = 95;
const ALL = ['performance', 'accessibility', 'best-practices'];

const given = process.argv.slice(2).filter((word) => word !== '--json');
const json = process.argv.includes('--json');
const unknown = given.filter((word) => !ALL.includes(word));
if (unknown.length > 0) throw new Error(`there is no category ${unknown.join(', ')}: ${ALL.join(', ')}`);
const CATEGORIES = given.length > 0 ? given : ALL;
/** What does not depend on time is the same each time. */
const LOOKS = CATEGORIES.includes('performance') ? 5 : 1;

/** A phone that has joined and stands at its door. */
async function door(server, browser) {
    const event = await server.event(join(SAMPLES, 'conference.xml'), join(SAMPLES, 'attendees.csv'));
    const page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    await page.goto(await server.invite(event, 'staff', 'Gate L'));
    await part(page, 'button', 'Join').click();
    await says(page, 'Everything is here. The network is not needed any more.');
    await part(page, 'link', 'Start').click();
    await part(page, 'searchbox', 'Search attendees').wait();
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    return page;
}

async function look(page, url) {
    // What the phone holds stays on it, or there would be no door to look at.
    const flags = { onlyCategories: CATEGORIES, disableStorageReset: true, logLevel: 'error', output: 'html' };
    const { lhr, report } = await lighthouse(url, flags, undefined, page);
    if (lhr.runtimeError) throw new Error(`Lighthouse: ${lhr.runtimeError.message}`);
    const shown = new URL(lhr.finalDisplayedUrl);
    if (shown.pathname !== '/door') throw new Error(`Lighthouse saw ${shown.pathname}, not the door`);
    return { lhr, report };
}

const points = ({ lhr }, name) => Math.round(lhr.categories[name].score * 100);

function tell(name, value, all) {
    const figure = { bench: 'web', subject: 'muster', metric: `lighthouse_${name.replace('-', '_')}`, value };
    if (json) console.log(JSON.stringify({ ...figure, unit: 'points', n: all.length }));
    else console.log(`lighthouse  ${name.padEnd(15)} ${value}  (${all.join(', ')}; at least ${LEAST})`);
}

const server = await Server.start(APP);
const browser = await launch({ executablePath: browserPath(), args: [...FLAGS, '--lang=en'] });
try {
    const page = await door(server, browser);
    const looks = [];
    while (looks.length < LOOKS) looks.push(await look(page, `${server.url}/door`));
    for (const name of CATEGORIES) {
        const sorted = looks.toSorted((one, other) => points(one, name) - points(other, name));
        const middle = sorted[Math.floor(LOOKS / 2)];
        tell(
            name,
            points(middle, name),
            looks.map((one) => points(one, name)),
        );
        if (name === CATEGORIES[0] && process.env.MUSTER_REPORT)
            await writeFile(process.env.MUSTER_REPORT, middle.report);
        if (points(middle, name) >= LEAST) continue;
        process.exitCode = 1;
        const { audits, categories } = middle.lhr;
        const short = categories[name].auditRefs.filter(
            ({ id, weight }) => weight > 0 && (audits[id].score ?? 1) < 0.9,
        );
        for (const { id } of short) console.error(`    ${audits[id].title} ${audits[id].displayValue ?? ''}`);
    }
} finally {
    await browser.close();
    await server.stop();
}

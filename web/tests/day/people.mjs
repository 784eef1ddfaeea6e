/** What stories about people need: their browser, joining, a scanner that types, and what the screen says. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SAMPLES } from '../core/stage.mjs';

/** What the server shows: the app that it carries, unless another one is named, as `dist` is while somebody works at it. */
export const APP = { MUSTER_HTTP_WEB_DIR: process.env.MUSTER_HTTP_WEB_DIR ?? '' };

/** The tickets of delegates who have paid, with the names on them. */
export async function paidTickets() {
    const [, ...rows] = (await readFile(join(SAMPLES, 'attendees.csv'), 'utf8')).split('\n');
    const paid = rows.filter((row) => row.includes(',Delegate,') && row.includes(',paid,'));
    return paid.map((row) => ({ code: row.split(',')[0], name: row.split(',').slice(1, 3).join(' ') }));
}

/** A folder for what each page showed last, to look at when a story goes wrong. */
const PICTURES = process.env.MUSTER_PICTURES;

function pictureOf(page, name) {
    // A page that crashed shows nothing.
    return page.screenshot({ path: join(PICTURES, `${name}.png`), timeout: 5_000 }).catch(() => undefined);
}

/** Somebody's browser, in English, and what went wrong in it. */
export async function person(t, from, more = {}) {
    const context = await from.newContext({ locale: 'en', viewport: { width: 390, height: 800 }, ...more });
    t.after(async () => {
        if (PICTURES) for (const [at, page] of context.pages().entries()) await pictureOf(page, `${t.name} ${at}`);
        await context.close();
    });
    return watched(await context.newPage());
}

/** A page that keeps what goes wrong in it. */
export function watched(page) {
    page.faults = [];
    page.on('pageerror', (error) => page.faults.push(error.message));
    return page;
}

/** Opens a link as it was sent, joins, and waits until everything is here. */
export async function joined(page, link, name) {
    await page.goto(link);
    // What a coordinator has named is not asked for a name.
    await page.getByText('This phone will work as').waitFor();
    const field = page.getByLabel('What to call this phone');
    if ((await field.count()) > 0) await field.fill(name);
    await page.getByRole('button', { name: 'Join' }).click();
    // A coordinator's device fetches a document for each presenter, which takes its time where others work at it, too.
    await page.getByText(/^Everything is here/).waitFor({ timeout: 60_000 });
    await page.getByRole('link', { name: 'Start' }).click();
}

export async function wedge(page, code) {
    await page.getByRole('searchbox').waitFor();
    await Promise.all([...code, 'Enter'].map((key) => page.keyboard.press(key)));
}

export async function verdict(page, word, name) {
    const shown = page.getByRole('alertdialog', { name: word });
    await shown.getByText(name).waitFor();
    await page.keyboard.press('Escape');
    await shown.waitFor({ state: 'hidden' });
}

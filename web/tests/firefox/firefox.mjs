/** A Firefox of the system's, driven over WebDriver BiDi: it speaks that itself, so there is no other program in between. */
import { existsSync } from 'node:fs';
import { launch as start } from 'puppeteer-core';

/** Debian's name, and that of others. */
const FIREFOXES = ['/usr/bin/firefox-esr', '/usr/bin/firefox', '/usr/lib64/firefox/firefox'];

/** For how long something may take to be on the screen, where others work at the machine too. */
export const PATIENCE_MS = 60_000;

/** What Firefox itself says, as if it were an error of the page, when nobody answers a WebSocket. */
const UNREACHED = /^(Firefox can.t establish a connection to the server|The connection to) .*ws:/;

export async function launch() {
    const executablePath = process.env.FIREFOX ?? FIREFOXES.find(existsSync);
    if (!executablePath) throw new Error('no Firefox: run `apt-get install firefox-esr`, or set FIREFOX');
    return start({
        browser: 'firefox',
        executablePath,
        headless: true,
        extraPrefsFirefox: { 'intl.accept_languages': 'en' },
    });
}

/** Somebody's browser, with profile storage of its own, and what went wrong in it. */
export async function person(browser) {
    const page = await (await browser.createBrowserContext()).newPage();
    await page.setViewport({ width: 390, height: 800 });
    page.setDefaultTimeout(PATIENCE_MS);
    page.faults = [];
    page.on('pageerror', ({ message }) => {
        if (!UNREACHED.test(message)) page.faults.push(message);
    });
    return page;
}

/** Something on the screen by its role and name, as a screen reader finds it. */
export function part(page, role, name) {
    return page.locator(`::-p-aria([name="${name}"][role="${role}"])`);
}

/** Waits until a text is on the screen. */
export async function says(page, text) {
    await page.waitForFunction((wanted) => document.body.innerText.includes(wanted), {}, text);
}

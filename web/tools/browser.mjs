// Starts the system's own Chromium: nothing is downloaded for it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const SHELL = '/usr/bin/chromium-headless-shell';
/** Debian's name, and that of others. */
const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The browser as people have it. */
export function browserPath() {
    const path = process.env.CHROMIUM ?? BROWSERS.find(existsSync);
    if (!path) throw new Error('no Chromium: run `apt-get install chromium`, or set CHROMIUM');
    return path;
}

/** Where there is one, the same browser without anything around its pages, as Playwright itself brings it for tests without a
 * screen: the same pictures in half the time. */
export function shellPath() {
    return !process.env.CHROMIUM && existsSync(SHELL) ? SHELL : browserPath();
}

/** With letters of our own the screens look the same whatever fonts a machine has. */
const FONTCONFIG_FILE = join(import.meta.dirname, 'fonts.conf');

export function launch() {
    const quiet = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];
    return chromium.launch({
        executablePath: shellPath(),
        args: ['--no-sandbox', ...quiet, '--disable-component-update', '--disable-sync', '--font-render-hinting=none'],
        env: { ...process.env, FONTCONFIG_FILE },
    });
}

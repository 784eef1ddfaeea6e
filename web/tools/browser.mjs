// Starts the system's own Chromium: nothing is downloaded for it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

/** Without windows first: the same pictures in half the time. */
const shell = '/usr/bin/chromium-headless-shell';
const places = [
    process.env.CHROMIUM,
    shell,
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
];

/** With letters of our own the screens look the same whatever fonts a machine has. */
const FONTCONFIG_FILE = join(import.meta.dirname, 'fonts.conf');

export function launch() {
    const executablePath = places.find((place) => place && existsSync(place));
    if (!executablePath) throw new Error('no Chromium found: apt-get install chromium, or name one in CHROMIUM');
    const quiet = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];
    return chromium.launch({
        executablePath,
        args: ['--no-sandbox', ...quiet, '--disable-component-update', '--disable-sync', '--font-render-hinting=none'],
        env: { ...process.env, FONTCONFIG_FILE },
    });
}

// Looks at every screen in both languages, both themes and both widths: asks axe, takes a picture, compares it with the
// fingerprint of the one that was approved. `--approve` keeps what is there now; names after it choose scenes.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { launch } from './browser.mjs';
import { difference, fingerprint, TOLERANCE } from './fingerprint.mjs';
import { scenes } from './scenes.mjs';
import { serve } from './serve.mjs';

const NOW = Date.parse('2027-05-20T09:40:00+03:00');
const APPROVED = 'tests/approved-screens.json';
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const options = process.argv.slice(2);
const approve = options.includes('--approve');
const only = options.find((option) => option.startsWith('--only='))?.slice('--only='.length);
const names = options.filter((option) => !option.startsWith('--'));
const chosen = scenes.filter(({ name }) => names.length === 0 || names.some((wanted) => name.startsWith(wanted)));

const looks = [];
for (const language of ['en', 'lv'])
    for (const theme of ['bright', 'dark', 'contrast'])
        for (const width of [360, 1440]) {
            // High contrast is looked at once a width: it has the layout of the others.
            if (theme === 'contrast' && language === 'lv') continue;
            if (only && !`${language}-${theme}-${width}`.includes(only)) continue;
            looks.push({ language, theme, width });
        }

const approved = JSON.parse(await readFile(APPROVED, 'utf8').catch(() => '{}'));
const { url, close } = await serve('dist');
const browser = await launch();
const complaints = [];
await mkdir('screens', { recursive: true });

/** What axe finds. It is put in by the browser's own means, which no policy of ours concerns. */
async function hindrances(page) {
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ['violations'] }));
    return violations.flatMap(({ id, nodes }) =>
        nodes.map(({ target, failureSummary }) => `${id}: ${target}: ${failureSummary?.split('\n')[1]?.trim()}`),
    );
}

for (const look of looks) {
    const { language, theme, width } = look;
    const context = await browser.newContext({
        viewport: { width, height: width < 600 ? 740 : 900 },
        locale: language,
        timezoneId: 'Europe/Riga',
        reducedMotion: 'reduce',
        serviceWorkers: 'block',
        bypassCSP: false,
    });
    await context.addInitScript(
        ([theme, language]) => {
            localStorage.setItem('muster.preferences', JSON.stringify({ theme, language, sound: false }));
        },
        [theme, language],
    );
    for (const scene of chosen) {
        const picture = `${scene.name}-${language}-${theme}-${width}`;
        const page = await context.newPage();
        const failed = [];
        page.on('pageerror', (error) => failed.push(error.message));
        page.on('console', (message) => message.type() === 'error' && failed.push(message.text()));
        await page.clock.setFixedTime(NOW);
        try {
            const [path, hash = ''] = scene.path.split('#');
            const query = `${path.includes('?') ? '&' : '?'}fake=${scene.scenario}`;
            await page.goto(url + path + query + (hash && `#${hash}`), { waitUntil: 'networkidle' });
            await scene.act?.(page);
            await page.evaluate(() => document.fonts.ready);
            // Tall enough for all of it, unless something lies over the screen: a bar at the bottom is at the bottom then.
            const covered = await page.locator('[role=dialog]:visible, dialog[open]').count();
            const height = await page.evaluate(() => document.documentElement.scrollHeight);
            if (!covered) await page.setViewportSize({ width, height: Math.max(height, width < 600 ? 740 : 900) });
            const shot = await page.screenshot({ path: `screens/${picture}.png`, animations: 'disabled' });
            if (!approve) complaints.push(...(await hindrances(page)).map((hindrance) => `${picture}: ${hindrance}`));
            const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
            if (wide > 0) complaints.push(`${picture}: ${wide} px wider than the screen`);
            const now = fingerprint(shot);
            if (!approve && approved[picture] === undefined) complaints.push(`${picture}: not approved yet`);
            else if (!approve && difference(approved[picture], now) > TOLERANCE)
                complaints.push(`${picture}: looks different`);
            if (approve) approved[picture] = now;
        } catch (error) {
            complaints.push(`${picture}: ${error.message.split('\n')[0]}`);
        }
        for (const text of failed) complaints.push(`${picture}: ${text}`);
        await page.close();
    }
    await context.close();
}
await browser.close();
close();
if (approve) await writeFile(APPROVED, JSON.stringify(approved, Object.keys(approved).sort(), 1) + '\n');
for (const complaint of complaints) console.error(complaint);
console.log(`${chosen.length} scenes in ${looks.length} looks, ${complaints.length} complaints`);
process.exitCode = complaints.length > 0 ? 1 : 0;

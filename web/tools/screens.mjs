// Looks at every screen in both languages, both themes and both widths: asks axe, takes a picture, compares it with the
// fingerprint of the one that was approved. `--approve` keeps what is there now; names after it choose scenes. `--some` leaves
// out looks of which each part is in another one: that is what the gate does.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { launch } from './browser.mjs';
import { difference, fingerprint, TOLERANCE } from './fingerprint.mjs';
import { scenes } from './scenes.mjs';
import { serve } from './serve.mjs';

const NOW = Date.parse('2027-05-20T09:40:00+03:00');
const APPROVED = 'tests/approved-screens.json';
/** Most of the time of a scene is waiting for what it loads. */
const AT_ONCE = 4;
/** A screen that still moves after so many pictures never rests. */
const PICTURES = 20;
/** Every language and every theme in every width; high contrast has the layout of the others. */
const SOME = ['en-bright-360', 'lv-dark-360', 'en-dark-1440', 'lv-bright-1440', 'en-contrast-360'];

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const options = process.argv.slice(2);
const approve = options.includes('--approve');
const some = options.includes('--some');
const only = options.find((option) => option.startsWith('--only='))?.slice('--only='.length);
const names = options.filter((option) => !option.startsWith('--'));
const chosen = scenes.filter(({ name }) => names.length === 0 || names.some((wanted) => name.startsWith(wanted)));

const looks = [];
for (const language of ['en', 'lv'])
    for (const theme of ['bright', 'dark', 'contrast'])
        for (const width of [360, 1440]) {
            const look = `${language}-${theme}-${width}`;
            // High contrast is looked at once a width.
            if (theme === 'contrast' && language === 'lv') continue;
            if ((only && !look.includes(only)) || (some && !SOME.includes(look))) continue;
            looks.push({ language, theme, width });
        }

const whole = approve && names.length === 0 && !only && !some;
const approved = whole ? {} : JSON.parse(await readFile(APPROVED, 'utf8').catch(() => '{}'));
const { url, close } = await serve('dist-fake');
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

/** A picture that looks as approved, or else one of a screen at rest: the same as the one before. */
async function pictureOf(page, path, wanted) {
    const { width, height: least } = page.viewportSize();
    const take = async () => {
        // Tall enough for all of it, unless something lies over the screen: a bar at the bottom is at the bottom then.
        const covered = await page.locator('[role=dialog]:visible, dialog[open]').count();
        const height = await page.evaluate(() => document.documentElement.scrollHeight);
        if (!covered) await page.setViewportSize({ width, height: Math.max(height, least) });
        return page.screenshot({ path, animations: 'disabled' });
    };
    let shot = await take();
    for (let left = PICTURES; left > 0; left -= 1) {
        const now = fingerprint(shot);
        const differs = wanted === undefined ? { by: Infinity, where: '' } : difference(wanted, now);
        if (differs.by <= TOLERANCE) return { now, differs };
        const before = shot;
        shot = await take();
        if (shot.equals(before)) return { now, differs };
    }
    throw new Error('it never rests');
}

/** One scene in one look: what there is to say against it. */
async function look(context, scene, picture) {
    const page = await context.newPage();
    const said = [];
    page.on('pageerror', (error) => said.push(error.message));
    page.on('console', (message) => message.type() === 'error' && said.push(message.text()));
    try {
        const [path, hash = ''] = scene.path.split('#');
        const query = `${path.includes('?') ? '&' : '?'}fake=${scene.scenario}`;
        await page.goto(url + path + query + (hash && `#${hash}`), { waitUntil: 'networkidle' });
        await scene.act?.(page);
        await page.evaluate(() => document.fonts.ready);
        const wanted = approve ? undefined : approved[picture];
        const { now, differs } = await pictureOf(page, `screens/${picture}.png`, wanted);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (wide > 0) said.push(`${wide} px wider than the screen`);
        said.push(...(await hindrances(page)));
        if (approve) approved[picture] = now;
        else if (wanted === undefined) said.push('not approved yet');
        else if (differs.by > TOLERANCE) said.push(`looks different: ${differs.where}`);
    } catch (error) {
        said.push(error.message.split('\n')[0]);
    }
    await page.close();
    return said.map((text) => `${picture}: ${text}`);
}

/** A browser that has seen nothing yet: what one scene leaves behind must not be in the next one's picture. */
async function fresh({ language, theme, width }) {
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
    await context.clock.setFixedTime(NOW);
    return context;
}

for (const each of looks) {
    const left = [...chosen];
    const worker = async () => {
        for (let scene = left.shift(); scene; scene = left.shift()) {
            const context = await fresh(each);
            const picture = `${scene.name}-${each.language}-${each.theme}-${each.width}`;
            complaints.push(...(await look(context, scene, picture)));
            await context.close();
        }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
await browser.close();
close();
if (approve) await writeFile(APPROVED, JSON.stringify(approved, Object.keys(approved).sort(), 1) + '\n');
for (const complaint of complaints) console.error(complaint);
console.log(`${chosen.length} scenes in ${looks.length} looks, ${complaints.length} complaints`);
process.exitCode = complaints.length > 0 ? 1 : 0;

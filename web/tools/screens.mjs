// Looks at every screen in both languages, all themes and both widths: takes a picture, compares it with the fingerprint of
// the one that was approved, and in some of the looks asks axe. `--approve` keeps what is there now; names after it choose
// scenes, `--only=PART` looks.
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
const WIDTHS = [360, 1440];
const THEMES = ['bright', 'dark', 'contrast'];
/** Where axe is asked: every language and every theme, and each width with both. */
const ASKED = ['en-bright-360', 'lv-dark-360', 'en-dark-1440', 'lv-bright-1440', 'en-contrast-360'];

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const options = process.argv.slice(2);
const approve = options.includes('--approve');
const only = options.find((option) => option.startsWith('--only='))?.slice('--only='.length);
const names = options.filter((option) => !option.startsWith('--'));
const chosen = scenes.filter(({ name }) => names.length === 0 || names.some((wanted) => name.startsWith(wanted)));

/** A scene is opened once in each language. Its theme is changed there, as somebody does in the settings, and then its width,
 * as when a phone is turned. */
const openings = [];
for (const language of ['en', 'lv']) {
    const looks = WIDTHS.flatMap((width) => THEMES.map((theme) => ({ width, theme })))
        // High contrast has the layout of the others: it is looked at in one language.
        .filter(({ theme }) => theme !== 'contrast' || language === 'en')
        .map((look) => ({ ...look, name: `${language}-${look.theme}-${look.width}` }))
        .filter(({ name }) => !only || name.includes(only));
    if (looks.length > 0) openings.push({ language, looks });
}

const whole = approve && names.length === 0 && !only;
const approved = whole ? {} : JSON.parse(await readFile(APPROVED, 'utf8').catch(() => '{}'));
const { url, close } = await serve('dist-fake');
const browser = await launch();
const complaints = [];
await mkdir('screens', { recursive: true });

/** What axe finds. */
async function hindrances(page) {
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

/** Changes the theme as another tab would. */
function wear(page, theme) {
    return page.evaluate((theme) => {
        const key = 'muster.preferences';
        const kept = JSON.parse(localStorage.getItem(key) ?? '{}');
        localStorage.setItem(key, JSON.stringify({ ...kept, theme }));
        dispatchEvent(new StorageEvent('storage', { key }));
    }, theme);
}

/** The window, as high as that of a phone or of a computer. */
function windowOf(width) {
    return { width, height: width < 600 ? 740 : 900 };
}

/** Another width, seen from the top. */
async function widen(page, width) {
    await page.setViewportSize(windowOf(width));
    await page.evaluate(() => scrollTo(0, 0));
}

/** One scene in one language: what there is to say against each of its looks. */
async function look(context, scene, looks) {
    const page = await context.newPage();
    let picture = `${scene.name}-${looks[0].name}`;
    const say = (text) => complaints.push(`${picture}: ${text}`);
    page.on('pageerror', (error) => say(error.message));
    page.on('console', (message) => message.type() === 'error' && say(message.text()));
    try {
        const [path, hash = ''] = scene.path.split('#');
        const query = `${path.includes('?') ? '&' : '?'}fake=${scene.scenario}`;
        await page.goto(url + path + query + (hash && `#${hash}`), { waitUntil: 'networkidle' });
        await scene.act?.(page);
        await page.evaluate(() => document.fonts.ready);
        // It is put in by the browser's own means, which no policy of ours concerns.
        if (looks.some(({ name }) => ASKED.includes(name))) await page.evaluate(axe);
        for (const [at, { width, theme, name }] of looks.entries()) {
            picture = `${scene.name}-${name}`;
            if (width !== page.viewportSize().width) await widen(page, width);
            if (at > 0) await wear(page, theme);
            const wanted = approve ? undefined : approved[picture];
            const { now, differs } = await pictureOf(page, `screens/${picture}.png`, wanted);
            const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
            if (wide > 0) say(`${wide} px wider than the screen`);
            if (ASKED.includes(name)) (await hindrances(page)).forEach(say);
            if (approve) approved[picture] = now;
            else if (wanted === undefined) say('not approved yet');
            else if (differs.by > TOLERANCE) say(`looks different: ${differs.where}`);
        }
    } catch (error) {
        say(error.message.split('\n')[0]);
    }
    await page.close();
}

/** A browser that has seen nothing yet: what one scene leaves behind must not be in the next one's picture. */
async function fresh({ language, looks }, { fleeting }) {
    const context = await browser.newContext({
        viewport: windowOf(looks[0].width),
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
        [looks[0].theme, language],
    );
    await context.clock.setFixedTime(NOW);
    if (fleeting) await context.addInitScript(stay);
    return context;
}

/** What goes by itself after a second or more stays for its pictures, however long they take. */
function stay() {
    const after = globalThis.setTimeout;
    globalThis.setTimeout = (task, ms = 0, ...rest) => (ms < 1_000 ? after(task, ms, ...rest) : 0);
}

const left = openings.flatMap((opening) => chosen.map((scene) => ({ opening, scene })));
async function worker() {
    for (let next = left.shift(); next; next = left.shift()) {
        const context = await fresh(next.opening, next.scene);
        await look(context, next.scene, next.opening.looks);
        await context.close();
    }
}
await Promise.all(Array.from({ length: AT_ONCE }, worker));
await browser.close();
close();
if (approve) await writeFile(APPROVED, JSON.stringify(approved, Object.keys(approved).sort(), 1) + '\n');
for (const complaint of complaints) console.error(complaint);
console.log(
    `${chosen.length} scenes in ${openings.flatMap(({ looks }) => looks).length} looks, ${complaints.length} complaints`,
);
process.exitCode = complaints.length > 0 ? 1 : 0;

/** The whole day, with the app as it was built, the real core in it, and the real server. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SAMPLES, Server, launch } from '../core/stage.mjs';
import { APP, joined, paidTickets, person, verdict, wedge } from './people.mjs';
import { video } from './video.mjs';

let browser;
let tickets;

before(async () => {
    browser = await launch();
    tickets = await paidTickets();
});
after(() => browser.close());

/** An event that a coordinator fills, at the screens. */
async function planned(t) {
    const server = await Server.start(APP);
    t.after(() => server.stop());
    const event = await server.event();
    const desk = await person(t, browser);
    await desk.setViewportSize({ width: 1280, height: 800 });
    await joined(desk, await server.invite(event, 'coordinator', 'Desk'), 'Desk');
    await desk.getByRole('link', { name: 'Files' }).click();
    const files = ['conference.xml', 'attendees.csv', 'rooms.csv', 'presenters.csv'].map((name) => join(SAMPLES, name));
    await desk.locator('input[type=file]').setInputFiles(files);
    for (const file of files) await desk.getByRole('heading', { name: file.split('/').at(-1) }).waitFor();
    await desk
        .getByText(/^(All of it was read|It was read)/)
        .nth(files.length - 1)
        .waitFor();
    return { server, event, desk };
}

/** A code for a door phone, made at the desk. */
async function code(desk) {
    await desk.goto(new URL('/devices', desk.url()).href);
    await desk.getByRole('button', { name: 'Add a device' }).click();
    await desk.getByRole('button', { name: 'Make the code' }).click();
    const letters = await desk.locator('.letters').innerText();
    await desk.keyboard.press('Escape');
    return letters.replaceAll(/\s/g, '');
}

test('a coordinator plans, two doors work alone, and everything meets again', async (t) => {
    const { server, desk } = await planned(t);
    const [a, b] = [await person(t, browser), await person(t, browser)];
    await joined(a, `${server.url}/enrol#${await code(desk)}`, 'Gate A');
    await joined(b, `${server.url}/enrol#${await code(desk)}`, 'Gate B');
    for (const page of [a, b]) await page.evaluate(() => navigator.serviceWorker.ready);

    // The network goes, and so does the server.
    await server.kill();
    for (const page of [a, b]) await page.context().setOffline(true);
    await wedge(a, tickets[0].code);
    await verdict(a, 'Let in', tickets[0].name);
    await wedge(a, tickets[0].code);
    await verdict(a, /Let in|Already in/, tickets[0].name);
    await wedge(b, tickets[0].code);
    await verdict(b, 'Let in', tickets[0].name);
    await b.getByRole('searchbox').fill(plain(tickets[1].name).toLowerCase());
    await b.getByRole('main').getByRole('button', { name: tickets[1].name }).first().click();
    await b.getByRole('dialog', { name: 'Attendee' }).getByRole('button', { name: 'Check in', exact: true }).click();
    await verdict(b, 'Let in', tickets[1].name);
    await b.getByRole('searchbox').fill('');

    // Closed and opened again, it is all there.
    await b.reload();
    await b.getByRole('region', { name: 'Counts' }).getByText('2', { exact: true }).first().waitFor();
    await b.getByRole('link', { name: 'Rooms' }).click();
    await b.getByRole('heading', { name: 'Rooms', level: 1 }).waitFor();

    // It comes back, and nothing has to be pressed.
    await server.restart();
    for (const page of [a, b]) await page.context().setOffline(false);
    await desk.goto(`${server.url}/tasks`);
    await desk.getByRole('heading', { name: 'Admitted twice (1)' }).waitFor({ timeout: 60_000 });
    const double = desk.getByRole('article').filter({ hasText: tickets[0].name });
    await double.getByRole('button', { name: 'One person, scanned twice' }).click();
    await desk.getByRole('heading', { name: 'Admitted twice (0)' }).waitFor();
    await desk.goto(`${server.url}/overview`);
    await desk.getByRole('button', { name: /2 admitted/ }).waitFor();
    await a.getByRole('link', { name: 'Settings' }).click();
    await a.getByText('everything is on the server').first().waitFor({ timeout: 60_000 });
    assert.deepEqual([...desk.faults, ...a.faults, ...b.faults], []);
});

test('the camera reads tickets as people hold them', async (t) => {
    const server = await Server.start(APP);
    t.after(() => server.stop());
    const event = await server.event(join(SAMPLES, 'conference.xml'), join(SAMPLES, 'attendees.csv'));
    for (const [at, [how, options]] of [
        ['straight', {}],
        ['tilted', { degrees: 20 }],
        ['small', { scale: 3 }],
        ['blurred', { blur: 3 }],
        ['on a bright screen', { paper: 255, ink: 120 }],
    ].entries())
        await t.test(how, async (t) => {
            const ticket = tickets[at];
            const file = join(server.folder, `${at}.y4m`);
            await video(file, ticket.code, options);
            const eye = await launch([
                '--use-fake-device-for-media-stream',
                '--use-fake-ui-for-media-stream',
                `--use-file-for-fake-video-capture=${file}`,
            ]);
            t.after(() => eye.close());
            const page = await person(t, eye);
            await joined(page, await server.invite(event, 'staff', `Gate ${at}`), `Gate ${at}`);
            // What it sees it judges by itself.
            await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
            await page.context().setOffline(true);
            const start = page.getByRole('button', { name: 'Start the camera' });
            const shown = page.getByRole('alertdialog', { name: 'Let in' }).getByText(ticket.name);
            // It starts by itself where somebody allowed it before.
            await Promise.race([start.click().catch(() => undefined), shown.waitFor()]);
            await shown.waitFor();
            assert.deepEqual(page.faults, []);
        });
});

function plain(text) {
    return text.normalize('NFD').replace(/\p{M}/gu, '');
}

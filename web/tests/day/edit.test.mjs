/** Records edited without a network, with the app as it was built, the real core in it, and the real server. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SAMPLES, Server, launch } from '../core/stage.mjs';
import { APP, joined, person } from './people.mjs';

let browser;

before(async () => {
    browser = await launch();
});
after(() => browser.close());

const SESSION = 'The ward at three in the morning';

/** A desk of a coordinator, which needs no network any more. */
async function desk(t, server, event, name) {
    const page = await person(t, browser);
    await page.setViewportSize({ width: 1280, height: 800 });
    await joined(page, await server.invite(event, 'coordinator', name), name);
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    return page;
}

function row(page) {
    return page.getByRole('listitem').filter({ hasText: SESSION }).first();
}

/** Edits the session in its sheet. */
async function edit(page, fill) {
    await page.goto(new URL('/lists?list=sessions', page.url()).href);
    await row(page).getByRole('button', { name: /^Edit/ }).click();
    const sheet = page.getByRole('dialog', { name: 'Edit the session' });
    await fill(sheet);
    await sheet.getByRole('button', { name: 'Save' }).click();
    await sheet.waitFor({ state: 'detached' });
}

test('two coordinators edit one session without a network; what differs is kept, what clashes is chosen', async (t) => {
    const server = await Server.start(APP);
    t.after(() => server.stop());
    const event = await server.event(join(SAMPLES, 'conference.xml'), join(SAMPLES, 'rooms.csv'));
    const [one, two] = [await desk(t, server, event, 'Desk one'), await desk(t, server, event, 'Desk two')];
    await server.kill();
    for (const page of [one, two]) await page.context().setOffline(true);

    const rooms = [];
    for (const [at, page] of [one, two].entries()) {
        await edit(page, async (sheet) => {
            const names = await sheet.getByLabel('Room').locator('option').allInnerTexts();
            const [now] = await sheet.getByLabel('Room').locator('option:checked').allInnerTexts();
            const others = names.slice(1).filter((name) => name !== now);
            rooms.push(others[at]);
            await sheet.getByLabel('Room').selectOption({ label: others[at] });
            if (at === 0) await sheet.getByLabel('Line under the title').fill('With coffee');
            else await sheet.getByRole('switch', { name: 'Does not take place' }).click();
        });
        await row(page).getByText(rooms[at]).waitFor();
        // Closed and opened again, it is all there.
        await page.reload();
        await row(page).getByText(rooms[at]).waitFor();
        await page.getByRole('link', { name: /1 entry is on this phone only/ }).click();
        await page.getByText('Session edited').waitFor();
    }
    assert.notEqual(rooms[0], rooms[1]);

    await server.restart();
    for (const page of [one, two]) await page.context().setOffline(false);
    for (const page of [one, two]) {
        await page.goto(`${server.url}/tasks`);
        const clash = page.getByRole('region', { name: 'Edited in two places (1)' });
        await clash.waitFor({ timeout: 60_000 });
        const card = clash.getByRole('article').filter({ hasText: SESSION });
        await card.getByText('Sessions · Room').waitFor();
        for (const room of rooms) await card.getByRole('button', { name: `Keep "${room}"` }).waitFor();
        // The other one by the name that the server knows; a desk says of itself that it is this device.
        await card.getByText(page === one ? /Desk two/ : /Desk one/).waitFor();
        await card.getByText(/\(this device\)/).waitFor();
    }
    await two.getByRole('button', { name: `Keep "${rooms[0]}"` }).click();
    for (const page of [one, two]) {
        await page.getByRole('heading', { name: 'Edited in two places (0)' }).waitFor({ timeout: 60_000 });
        await page.goto(`${server.url}/lists?list=sessions`);
        await row(page).getByText(rooms[0]).waitFor();
        await row(page).getByText('Cancelled').waitFor();
        await row(page).getByRole('button', { name: /^Edit/ }).click();
        const subtitle = page.getByRole('dialog').getByLabel('Line under the title');
        assert.equal(await subtitle.inputValue(), 'With coffee');
    }
    assert.deepEqual([...one.faults, ...two.faults], []);
});

test('a presenter says on the way what they need, and reads it on another phone', async (t) => {
    const server = await Server.start(APP);
    t.after(() => server.stop());
    const event = await server.event(join(SAMPLES, 'conference.xml'), join(SAMPLES, 'presenters.csv'));
    const office = await desk(t, server, event, 'Office');
    await office.goto(`${server.url}/devices`);
    await office.getByRole('button', { name: 'Add a device' }).click();
    await office.getByRole('radio', { name: 'Presenter' }).click();
    await office.getByLabel('Whose device it is').selectOption({ label: 'Mārtiņš Grāvītis' });
    await office.getByLabel('Devices').fill('2');
    await office.getByRole('button', { name: 'Make the code' }).click();
    const code = (await office.locator('.letters').innerText()).replaceAll(/\s/g, '');

    const phone = await person(t, browser);
    await joined(phone, `${server.url}/enrol#${code}`, 'Phone');
    await phone.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    await server.kill();
    await phone.context().setOffline(true);
    await phone.getByRole('button', { name: 'Say what you need' }).click();
    const sheet = phone.getByRole('dialog', { name: 'What you need' });
    await sheet.getByLabel('Equipment').fill('HDMI adapter');
    await sheet.getByRole('button', { name: 'Save' }).click();
    await phone.getByText('HDMI adapter').waitFor();
    await phone.getByText('on this phone', { exact: true }).waitFor();
    await phone.reload();
    await phone.getByText('HDMI adapter').waitFor();
    await server.restart();
    await phone.context().setOffline(false);
    await phone.getByText('on the server', { exact: true }).waitFor({ timeout: 60_000 });

    const other = await person(t, browser);
    await joined(other, `${server.url}/enrol#${code}`, 'Tablet');
    await other.getByText('HDMI adapter').waitFor();
    // What is not theirs to edit stands as it was.
    await other.getByText('€350.00').waitFor();
    assert.deepEqual([...phone.faults, ...other.faults, ...office.faults], []);
});

/** The door's story in Firefox: another engine, with its own storage, workers and keyboard. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SAMPLES, Server } from '../core/stage.mjs';
import { APP, paidTickets } from '../day/people.mjs';
import { launch, part, person, says } from './firefox.mjs';

let browser;

before(async () => {
    browser = await launch();
});
after(() => browser?.close());

/** Waits for the verdict, with the name under it, and puts it away. It is looked for in the page: it may go after 2 s. */
async function verdict(page, word, name) {
    const shows = (word, name) => {
        const text = document.querySelector('[role=alertdialog][open]')?.textContent ?? '';
        return text.includes(word) && text.includes(name);
    };
    await page.waitForFunction(shows, {}, word, name);
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => !document.querySelector('[role=alertdialog][open]'));
}

async function wedge(page, code) {
    for (const key of code) await page.keyboard.press(key);
    await page.keyboard.press('Enter');
}

test('a door in Firefox works with neither network nor server, and hands over what it did', async (t) => {
    const server = await Server.start(APP);
    t.after(() => server.stop());
    const event = await server.event(join(SAMPLES, 'conference.xml'), join(SAMPLES, 'attendees.csv'));
    const [found, scanned] = await paidTickets();
    const page = await person(browser);

    await page.goto(await server.invite(event, 'staff', 'Gate F'));
    await says(page, 'This phone will work as: Staff');
    await part(page, 'button', 'Join').click();
    await says(page, 'Everything is here. The network is not needed any more.');
    await part(page, 'link', 'Start').click();
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);

    // There is nobody to ask any more.
    await server.kill();
    await part(page, 'searchbox', 'Search attendees').fill(found.name.toLowerCase());
    await page.locator(`main button ::-p-text(${found.name})`).click();
    await part(page, 'button', 'Check in').click();
    await verdict(page, 'Let in', found.name);
    await wedge(page, scanned.code);
    await verdict(page, 'Let in', scanned.name);

    // Opened again, still without a server: the app and what it knows are on the phone.
    await page.reload();
    await part(page, 'searchbox', 'Search attendees').wait();
    await wedge(page, scanned.code);
    await verdict(page, 'Already in', scanned.name);

    await server.restart();
    await part(page, 'link', 'Settings').click();
    await says(page, 'everything is on the server');
    const { checkpoints } = await server.command('event', 'counts', event);
    assert.equal(Math.max(...checkpoints.map(({ total }) => total.admitted)), 2);
    assert.deepEqual(page.faults, []);
});

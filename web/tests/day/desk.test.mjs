/** Who is let in to look after an event, and with what: devices, leases and accounts, at the screens and against the server. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server, launch } from '../core/stage.mjs';
import { APP, joined, person } from './people.mjs';

let browser;

before(async () => {
    browser = await launch();
});
after(() => browser.close());

/** An event in which nothing is yet, and the desk of a coordinator. */
async function desk(t) {
    const server = await Server.start(APP);
    t.after(() => server.stop());
    server.eventId = await server.event();
    const page = await person(t, browser);
    await page.setViewportSize({ width: 1280, height: 800 });
    await joined(page, await server.invite(server.eventId, 'coordinator', 'Desk'), 'Desk');
    return { server, page };
}

async function named(server, name) {
    const { devices } = await server.command('device', 'list', server.eventId);
    return devices.find((device) => device.name === name);
}

test('a device is renamed, gets another role at once, and is revoked', async (t) => {
    const { server, page } = await desk(t);
    const phone = await person(t, browser);
    await joined(phone, await server.invite(server.eventId, 'staff', 'Gate A'), 'Gate A');

    await page.goto(`${server.url}/devices`);
    // The list is asked again every minute.
    for (const name of ['Gate A', 'Desk'])
        await page.getByRole('listitem').filter({ hasText: name }).getByText('Connected').waitFor({ timeout: 70_000 });
    await page.getByRole('button', { name: 'Look or change: Gate A' }).click();
    await page.getByLabel('Name of the device').fill('Money');
    await page.getByRole('button', { name: 'Rename' }).click();
    const sheet = page.getByRole('dialog', { name: 'Money' });
    await sheet.getByText('It has the new name.').waitFor();
    assert.equal((await named(server, 'Money')).role, 'staff');

    await sheet.getByRole('radio', { name: 'Finance' }).click();
    await sheet.getByRole('button', { name: 'Change the role' }).click();
    await sheet.getByText('It has the new role.').waitFor();
    // The phone connects anew and is what it was made: there is no door any more.
    await phone.getByRole('link', { name: 'Door' }).waitFor({ state: 'hidden', timeout: 60_000 });
    assert.equal((await named(server, 'Money')).role, 'finance');

    await sheet.getByRole('button', { name: 'Revoke' }).click();
    await sheet.getByRole('button', { name: 'Yes, revoke it' }).click();
    await sheet.waitFor({ state: 'hidden' });
    await phone.getByText('This phone was taken out of the event').waitFor({ timeout: 60_000 });
    assert.deepEqual([...page.faults, ...phone.faults], []);
});

test('whoever is invited signs in and looks after the event, until they are removed', async (t) => {
    const { server, page } = await desk(t);
    await page.goto(`${server.url}/devices`);
    const leases = page.getByRole('region', { name: 'Without contact' });
    await leases.getByRole('button', { name: 'Change the times' }).click();
    await page.getByRole('dialog').getByLabel('Staff').selectOption('2 days');
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await leases.getByText('2 days').waitFor();
    const { lease_ms: set } = await server.command('device', 'lease', server.eventId);
    assert.deepEqual([set.staff, set.finance], [2 * 86_400_000, 7 * 86_400_000]);

    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    const accounts = page.getByRole('region', { name: 'People who sign in' });
    await accounts.getByRole('button', { name: 'Invite somebody' }).click();
    await page.getByRole('button', { name: 'Make the invitation' }).click();
    await page.getByRole('button', { name: 'Copy the link' }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    const link = await page.evaluate(() => navigator.clipboard.readText());
    await page.keyboard.press('Escape');

    const ben = await person(t, browser);
    await ben.goto(link);
    await ben.getByRole('heading', { name: 'You are invited' }).waitFor();
    await ben.getByLabel('Name', { exact: true }).fill('ben@example.org');
    await ben.getByLabel('Password').fill('correct horse battery');
    await ben.getByRole('button', { name: 'Accept and sign in' }).click();
    await ben.getByText('Everything is here. The network is not needed any more.').waitFor();
    await ben.getByText('This phone works as: Coordinator').waitFor();

    // The link is good once; the name and the password are good as long as nobody takes them away.
    const late = await person(t, browser);
    await late.goto(link);
    await late.getByLabel('Name', { exact: true }).fill('eva@example.org');
    await late.getByLabel('Password').fill('battery staple horse');
    await late.getByRole('button', { name: 'Accept and sign in' }).click();
    await late.getByText('There is no such invitation, or it was used.').waitFor();
    await late.getByRole('link', { name: 'Join with a code' }).click();
    await late.getByRole('link', { name: 'Sign in with a name and a password' }).click();
    await late.getByLabel('Name', { exact: true }).fill('Ben@Example.org');
    await late.getByLabel('Password').fill('not the right one');
    await late.getByRole('button', { name: 'Sign in' }).click();
    await late.getByText('The name or the password is wrong.').waitFor();
    await late.getByLabel('Password').fill('correct horse battery');
    await late.getByRole('button', { name: 'Sign in' }).click();
    await late.getByText('Everything is here. The network is not needed any more.').waitFor();

    await page.goto(`${server.url}/devices`);
    await accounts.getByRole('button', { name: 'Remove: ben@example.org' }).click();
    await page.getByRole('dialog', { name: 'Remove' }).getByRole('button', { name: 'Remove' }).click();
    await accounts.getByText('Nobody has an account yet.').waitFor();
    for (const out of [ben, late])
        await out.getByText('This phone was taken out of the event').waitFor({ timeout: 60_000 });
    assert.deepEqual([...page.faults, ...ben.faults, ...late.faults], []);
});

test('whoever has several events chooses one when they sign in', async (t) => {
    const { server } = await desk(t);
    const [name, password] = ['anna@example.org', 'correct horse battery'];
    const other = await server.command('event', 'create', '--name', 'The one before', '--time-zone', 'Europe/Riga');
    for (const [event, role] of [
        [server.eventId, 'coordinator'],
        [other.event_id, 'finance'],
    ]) {
        const { code } = await server.command('admin', 'invite', event, '--role', role);
        const accepted = await fetch(`${server.url}/api/v1/invitations/accept`, {
            method: 'POST',
            headers: { 'Content-Type': 'application/json' },
            body: JSON.stringify({ code, name, password }),
        });
        assert.equal(accepted.status, 201);
    }
    const anna = await person(t, browser);
    await anna.goto(`${server.url}/signin`);
    await anna.getByLabel('Name', { exact: true }).fill(name);
    await anna.getByLabel('Password').fill(password);
    await anna.getByRole('button', { name: 'Sign in' }).click();
    await anna.getByRole('heading', { name: 'Which event?' }).waitFor();
    await anna.getByRole('button', { name: 'The one before' }).click();
    await anna.getByText('This phone works as: Finance').waitFor();
    assert.deepEqual(anna.faults, []);
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stage } from './stage';

let stage: Stage;
beforeAll(async () => {
    stage = await Stage.set();
});
afterAll(() => stage.strike());

test('a problem is recorded with a note, and only with one', async () => {
    const { page, faults } = await stage.phone('staff', '/rooms');
    await page.getByRole('link', { name: /Opening: two days/ }).click();
    const item = page.getByRole('listitem').filter({ hasText: 'Water for the presenters' });
    await item.getByRole('button', { name: 'Problem' }).click();
    expect(await item.getByRole('button', { name: 'Record the problem' }).isDisabled()).toBe(true);
    await item.getByLabel('What is wrong?').fill('No glasses');
    await page.keyboard.press('Enter');
    await item.getByText('No glasses').waitFor();
    await item.getByRole('button', { name: 'All right' }).click();
    await page.getByText('3 of 6 done').waitFor();
    await page.getByRole('link', { name: 'Back' }).click();
    await page.getByRole('heading', { name: 'Rooms', level: 1 }).waitFor();
    expect(faults).toEqual([]);
});

test('an incident stands above the rooms until it is over', async () => {
    const { page } = await stage.phone('staff', '/rooms');
    await page.getByRole('button', { name: 'Report an incident' }).click();
    const sheet = page.getByRole('dialog');
    await sheet.getByRole('radio', { name: 'Emergency' }).click();
    await sheet.getByLabel('What happened?').fill('Smoke in the kitchen');
    await sheet.getByRole('button', { name: 'Report', exact: true }).click();
    const incidents = page.getByRole('region', { name: 'Incidents' });
    await incidents.getByText('Smoke in the kitchen').waitFor();
    await incidents.getByRole('button', { name: 'Over' }).click();
    await incidents.waitFor({ state: 'detached' });
});

test('a double admission is settled with both sides in view', async () => {
    const { page } = await stage.phone('coordinator', '/tasks');
    const double = page.getByRole('article').filter({ hasText: 'Edgars, gate B' }).first();
    await double.getByText('Līga, gate A').waitFor();
    await page.getByRole('heading', { name: 'Admitted twice (2)' }).waitFor();
    // Gloves tap twice: the card stays, and no other one comes under the finger.
    await double.getByRole('button', { name: 'One person, scanned twice' }).dblclick();
    await page.getByRole('heading', { name: 'Admitted twice (1)' }).waitFor();
    await double.getByRole('status').getByText('One person, scanned twice').waitFor();
    const other = page
        .getByRole('article')
        .filter({ has: page.getByRole('button', { name: 'A second person, may stay' }) });
    await other.getByRole('button', { name: 'A second person, may stay' }).click();
    await page.getByRole('heading', { name: 'Admitted twice (0)' }).waitFor();
    // Whoever finds out better settles it otherwise.
    await double.getByRole('button', { name: 'Settle otherwise' }).click();
    await page.getByRole('heading', { name: 'Admitted twice (1)' }).waitFor();
    await double.getByRole('button', { name: 'A second person, sent out' }).click();
    await double.getByRole('status').getByText('A second person, sent out').waitFor();
});

test('a presenter says that they are here, and may take it back', async () => {
    const { page } = await stage.phone('presenter', '/');
    await page.getByRole('button', { name: 'I have arrived' }).click();
    await page.getByText('You said at 09:40 that you are here.').waitFor();
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByRole('button', { name: 'I have arrived' }).waitFor();
    const saved = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Add to my calendar' }).click();
    expect((await saved).suggestedFilename()).toBe('muster.ics');
});

test('a link enrols, its code leaves the address bar, and the download is shown', async () => {
    const { page } = await stage.phone('new', '/enrol#7ZQK3M5X9T2W8R4V6B1N0CYHJD');
    await page.getByRole('heading', { name: 'Ready to join' }).waitFor();
    expect(page.url()).not.toContain('7ZQK');
    // It says what this phone is going to be before it is.
    await page.getByText('Baltic Health Informatics Days 2027').waitFor();
    await page.getByText('This phone will work as: Staff').waitFor();
    await page.getByText(/No addresses, no telephone numbers/).waitFor();
    await page.getByLabel('What to call this phone').fill('Gate A');
    await page.getByRole('button', { name: 'Join' }).click();
    await page.getByText('This phone works as: Staff').waitFor();
    await page.getByText('Fetching the event', { exact: true }).waitFor();
    await page.clock.runFor(5_000);
    await page.getByText('Everything is here. The network is not needed any more.').waitFor();
    await page.getByRole('link', { name: 'Start' }).click();
    await page.getByRole('searchbox').waitFor();
});

test.each([
    ['https://example.org/', 'This is not an enrolment code.'],
    ['T-0042', 'This is not an enrolment code.'],
    ['https://other.example.org/enrol#7ZQK3M5X9T2W8R4V6B1N0CYHJD', 'This code is for other.example.org.'],
])('%s enrols nobody, in one sentence', async (typed, said) => {
    const { page } = await stage.phone('new', '/');
    await page.getByLabel('Code or link').fill(typed);
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByRole('alert').getByText(said).waitFor();
});

test('a code that was used leads back to where another one can be given', async () => {
    const { page } = await stage.phone('new', '/');
    await page.getByLabel('Code or link').fill('7ZQK3M5X9T2W8R4V6B1N0CUSED');
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByText('This code was used before. Ask a coordinator for another.').waitFor();
    await page.getByLabel('Code or link').waitFor();
});

test('a phone that the coordinator has named is not asked for a name', async () => {
    const { page } = await stage.phone('new', '/enrol#7ZQK3M5X9T2W8R4V6B1N0NAMED');
    await page.getByText('This phone will work as: Staff').waitFor();
    expect(await page.getByLabel('What to call this phone').count()).toBe(0);
    await page.getByRole('button', { name: 'Join' }).click();
    await page.getByText('This phone works as: Staff').waitFor();
});

test('without a network a link can still be tried, and says what it cannot know', async () => {
    const { page } = await stage.phone('new', '/');
    await page.getByLabel('Code or link').fill('7ZQK3M5X9T2W8R4V6B1N0CYHJD');
    await page.evaluate(() => sessionStorage.setItem('muster.fake', 'offline'));
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByText('The server was not reached.').waitFor();
    await page.getByRole('button', { name: 'Join' }).waitFor();
});

test('a device is renamed, gets another role, and is revoked', async () => {
    const { page, faults } = await stage.phone('coordinator', '/devices');
    await page.getByRole('button', { name: 'Look or change: Gate B, phone 1' }).click();
    const sheet = page.getByRole('dialog', { name: 'Gate B, phone 1' });
    await sheet.getByLabel('Name of the device').fill('  ');
    await sheet.getByRole('button', { name: 'Rename' }).click();
    await sheet.getByText('Write the name.').waitFor();
    await sheet.getByLabel('Name of the device').fill('Gate C');
    await sheet.getByRole('button', { name: 'Rename' }).click();
    const renamed = page.getByRole('dialog', { name: 'Gate C' });
    await renamed.getByText('It has the new name.').waitFor();

    await renamed.getByRole('radio', { name: 'Presenter' }).click();
    expect(await renamed.getByRole('button', { name: 'Change the role' }).isDisabled()).toBe(true);
    await renamed.getByLabel('Whose device it is').selectOption({ index: 1 });
    await renamed.getByRole('button', { name: 'Change the role' }).click();
    await renamed.getByText('It has the new role.').waitFor();

    await renamed.getByRole('button', { name: 'Revoke' }).click();
    await renamed.getByRole('button', { name: 'Yes, revoke it' }).click();
    await renamed.waitFor({ state: 'hidden' });
    await page.getByText('2 revoked devices').waitFor();
    expect(faults).toEqual([]);
});

test('the device that one is at can be renamed, and nothing else', async () => {
    const { page } = await stage.phone('coordinator', '/devices');
    await page.getByRole('button', { name: 'Look or change: Laptop of Līga' }).click();
    const sheet = page.getByRole('dialog', { name: 'Laptop of Līga' });
    await sheet.getByText('This is the device that you are at').waitFor();
    expect(await sheet.getByRole('button', { name: /Revoke|Change the role/ }).count()).toBe(0);
});

test('leases are set by role, and accounts are invited and removed', async () => {
    const { page, faults } = await stage.phone('coordinator', '/devices');
    const leases = page.getByRole('region', { name: 'Without contact' });
    await leases.getByRole('button', { name: 'Change the times' }).click();
    const sheet = page.getByRole('dialog', { name: 'Without contact' });
    await sheet.getByLabel('Staff').selectOption('2 days');
    await sheet.getByRole('button', { name: 'Save' }).click();
    await leases.getByText('2 days').waitFor();

    const accounts = page.getByRole('region', { name: 'People who sign in' });
    await accounts.getByRole('button', { name: 'Invite somebody' }).click();
    const invitation = page.getByRole('dialog', { name: 'Invite somebody' });
    await invitation.getByRole('radio', { name: 'Finance' }).click();
    await invitation.getByRole('button', { name: 'Make the invitation' }).click();
    await invitation.getByRole('img', { name: 'QR code of the invitation' }).waitFor();
    await invitation.getByText('Finance. Send the link to one person').waitFor();
    await page.keyboard.press('Escape');

    await accounts.getByRole('button', { name: 'Remove: ben@example.org' }).click();
    await page.getByRole('dialog', { name: 'Remove' }).getByRole('button', { name: 'Remove' }).click();
    await accounts.getByText('ben@example.org').waitFor({ state: 'hidden' });
    expect(faults).toEqual([]);
});

test('whoever is invited chooses a name and a password, and is in', async () => {
    const { page, faults } = await stage.phone('new', '/invite#5X9T2W8R4V6B1N0CYHJD7ZQK3M');
    await page.getByRole('heading', { name: 'You are invited' }).waitFor();
    expect(page.url()).not.toContain('5X9T');
    await page.getByRole('button', { name: 'Accept and sign in' }).click();
    await page.getByText('Write the name.').waitFor();
    await page.getByLabel('Name', { exact: true }).fill('ben@example.org');
    await page.getByLabel('Password').fill('short');
    await page.getByText('A password has at least 10 characters.').waitFor();
    await page.getByLabel('Password').fill('wrong horse battery');
    await page.getByRole('button', { name: 'Accept and sign in' }).click();
    await page.getByText('The name or the password is wrong.').waitFor();
    await page.getByLabel('Password').fill('correct horse battery');
    await page.getByRole('button', { name: 'Accept and sign in' }).click();
    await page.getByText('What this phone will hold').waitFor();
    expect(faults).toEqual([]);
});

test.each([
    ['/invite#5X9T2W8R4V6B1N0CYHJD7ZUSED', 'There is no such invitation, or it was used.'],
    ['/invite', 'This is not a whole invitation.'],
])('%s says what to do', async (path, said) => {
    const { page } = await stage.phone('new', path);
    if (path.includes('#')) {
        await page.getByLabel('Name', { exact: true }).fill('ben@example.org');
        await page.getByLabel('Password').fill('correct horse battery');
        await page.getByRole('button', { name: 'Accept and sign in' }).click();
    }
    await page.getByRole('alert').getByText(said).waitFor();
    await page.getByRole('link', { name: 'Join with a code' }).click();
    await page.getByRole('link', { name: 'Sign in with a name and a password' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
});

test('a phone with unsent work does not sign out, and says why', async () => {
    const { page } = await stage.phone('offline', '/settings');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Hand over and sign out' }).click();
    await page.getByText('Something on this phone is on no server yet.').waitFor();
});

test('language and theme change at once and stay', async () => {
    const { page } = await stage.phone('staff', '/settings');
    await page.getByRole('radio', { name: 'Latviešu' }).click();
    await page.getByRole('heading', { name: 'Iestatījumi' }).waitFor();
    await page.getByRole('radio', { name: 'Tumšs' }).click();
    await page.reload();
    await page.getByRole('heading', { name: 'Iestatījumi' }).waitFor();
    expect(await page.locator('html').getAttribute('data-theme')).toBe('dark');
    expect(await page.locator('html').getAttribute('lang')).toBe('lv');
});

test('a file of another kind is refused in one sentence', async () => {
    const { page } = await stage.phone('coordinator', '/files');
    const file = { name: 'holiday.jpg', mimeType: 'image/jpeg', buffer: Buffer.from([255, 216, 255]) };
    await page.locator('input[type=file]').setInputFiles(file);
    await page.getByText('This is not a file that can be imported.').waitFor();
});

test('without a network the app opens from what it kept', async () => {
    const context = await stage.context();
    const page = await context.newPage();
    await page.goto(`${stage.url}/door?fake=staff`);
    await page.evaluate(() => navigator.serviceWorker.ready);
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    await context.setOffline(true);
    await page.reload();
    await page.getByRole('searchbox').waitFor();
    await page.getByRole('link', { name: 'Rooms' }).click();
    await page.getByRole('link', { name: /Opening: two days/ }).waitFor();
    await page.getByRole('link', { name: 'Lists' }).click();
    await page.getByRole('tab', { name: 'Sessions' }).waitFor();
});

import { readFile } from 'node:fs/promises';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stage } from './stage';

let stage: Stage;
beforeAll(async () => {
    stage = await Stage.set();
});
afterAll(() => stage.strike());

/** Opens a sheet with the keyboard alone. */
async function opened(page: Page, button: Locator, title: string): Promise<Locator> {
    await button.focus();
    await page.keyboard.press('Enter');
    const sheet = page.getByRole('dialog', { name: title });
    await sheet.waitFor();
    return sheet;
}

test('a session is moved from its row, with the keyboard alone', async () => {
    const { page, faults } = await stage.phone('coordinator', '/lists?list=sessions');
    const row = page.getByRole('listitem').filter({ hasText: 'Cold chain, warm data' });
    const button = row.getByRole('button', { name: 'Edit: Cold chain, warm data' });
    const sheet = await opened(page, button, 'Edit the session');
    await sheet.getByLabel('Begins').fill('2027-05-20T14:00');
    expect(await sheet.getByLabel('Ends').inputValue()).toBe('2027-05-20T14:45');
    await sheet.getByLabel('Room').selectOption({ label: 'Dzintars' });
    await sheet.getByRole('textbox', { name: 'Title', exact: true }).press('Tab');
    await sheet.getByRole('button', { name: 'Save' }).focus();
    await page.keyboard.press('Enter');
    await sheet.waitFor({ state: 'detached' });
    await row.getByText('14:00').waitFor();
    await row.getByText('Dzintars').waitFor();
    expect(await button.evaluate((element) => element === document.activeElement)).toBe(true);
    expect(faults).toEqual([]);
});

test('what cannot be is said beside the field, and nothing is saved', async () => {
    const { page } = await stage.phone('coordinator', '/lists?list=sessions');
    const row = page.getByRole('listitem').filter({ hasText: 'Cold chain, warm data' });
    const sheet = await opened(page, row.getByRole('button'), 'Edit the session');
    await sheet.getByLabel('Ends').fill('2027-05-20T13:00');
    await sheet.getByRole('textbox', { name: 'Title', exact: true }).fill(' ');
    await sheet.getByRole('button', { name: 'Save' }).click();
    await sheet.getByText('The end must be after the beginning.').waitFor();
    await sheet.getByText('Write a name.').waitFor();
    expect(await sheet.getByRole('textbox', { name: 'Title', exact: true }).getAttribute('aria-invalid')).toBe('true');
    await sheet.getByRole('button', { name: 'Cancel' }).click();
    await sheet.waitFor({ state: 'detached' });
    await row.getByText('13:30').waitFor();
});

test('a room and a checkpoint say what they were told', async () => {
    const { page } = await stage.phone('coordinator', '/lists?list=rooms');
    let sheet = await opened(page, page.getByRole('button', { name: 'Edit: Gauja' }), 'Edit the room');
    await sheet.getByLabel('How many people fit').fill('90');
    await sheet.getByLabel('Equipment').fill('Projector\n\n Piano ');
    await sheet.getByRole('button', { name: 'Save' }).click();
    const card = page.getByRole('listitem').filter({ hasText: 'Gauja' });
    await card.getByText('90 seats').waitFor();
    await card.getByText('Piano').waitFor();
    await page.getByRole('searchbox', { name: 'Search the rooms' }).fill('PIANO');
    await page.waitForFunction(() => document.querySelectorAll('main li h2').length === 1);
    await card.waitFor();
    await page.getByRole('searchbox').fill('piano x');
    await page.getByText('Nothing here fits.').waitFor();
    await page.getByRole('tab', { name: 'Checkpoints' }).click();
    await page.getByRole('searchbox', { name: 'Search the checkpoints' }).fill('gala');
    await page.waitForFunction(() => document.querySelectorAll('main li h2').length === 1);
    sheet = await opened(page, page.getByRole('button', { name: 'Edit: Gala dinner' }), 'Edit the checkpoint');
    await sheet.getByLabel('How often somebody is let in').selectOption('entry_and_exit');
    await sheet.getByLabel('Open until').fill('2027-05-20T23:30');
    await sheet.getByRole('button', { name: 'Save' }).click();
    const gala = page.getByRole('listitem').filter({ hasText: 'Gala dinner' });
    await gala.getByText('again after leaving').waitFor();
    await gala.getByText(/Until .*23:30/).waitFor();
});

test('an attendee is edited from their card, and the card is there again afterwards', async () => {
    const { page, faults } = await stage.phone('coordinator', '/lists');
    await page.getByRole('searchbox').fill('berz jan');
    await page.getByRole('main').getByRole('button', { name: 'Jānis Bērziņš' }).first().click();
    await page.getByRole('dialog', { name: 'Attendee' }).getByRole('button', { name: 'Edit' }).click();
    const sheet = page.getByRole('dialog', { name: 'Edit the attendee' });
    await sheet.getByLabel('Name on the badge').fill('Jānis Bērziņš-Ozols');
    await sheet.getByLabel('Note for the door').fill('Brings a dog');
    await sheet.getByRole('switch', { name: 'Show the note in bold' }).click();
    await sheet.getByRole('button', { name: 'Save' }).click();
    const card = page.getByRole('dialog', { name: 'Attendee', exact: true });
    await card.getByText('Jānis Bērziņš-Ozols').waitFor();
    await card.getByText('Brings a dog').waitFor();
    expect(faults).toEqual([]);
});

test('staff are offered no editing', async () => {
    const { page } = await stage.phone('staff', '/lists?list=sessions');
    await page.getByText('Cold chain, warm data').waitFor();
    expect(await page.getByRole('button', { name: /^Edit/ }).count()).toBe(0);
});

test('a field edited in two places is counted, shown with both sides, and settled', async () => {
    const { page } = await stage.phone('coordinator', '/overview');
    await page.getByText(/1 thing edited in two places/).click();
    const conflicts = page.getByRole('region', { name: 'Edited in two places (1)' });
    const conflict = conflicts.getByRole('article').filter({ hasText: 'Registers without registrars' });
    await conflict.getByText('Sessions · Room').waitFor();
    await conflict.getByText('Līga, gate A (this device), 09:06').waitFor();
    await conflict.getByRole('button', { name: 'Keep "Daugava"' }).click();
    await page.getByRole('heading', { name: 'Edited in two places (0)' }).waitFor();
    await page.getByText('Nobody edited the same thing at once').waitFor();
});

test('a presenter says what they need, and sees when the server has it', async () => {
    const { page, faults } = await stage.phone('presenter', '/');
    await page.getByText('on the server', { exact: true }).waitFor();
    const button = page.getByRole('button', { name: 'Say what you need' });
    const sheet = await opened(page, button, 'What you need');
    await sheet.getByLabel('Equipment').fill('A stool and an HDMI adapter');
    await sheet.getByLabel('Food').fill('');
    await sheet.getByRole('button', { name: 'Save' }).click();
    await page.getByText('A stool and an HDMI adapter').waitFor();
    await page.getByText('on this phone', { exact: true }).waitFor();
    expect(await page.getByText('No nuts').count()).toBe(0);
    await page.clock.runFor(3_000);
    await page.getByText('on the server', { exact: true }).waitFor();
    expect(faults).toEqual([]);
});

test('edits that are not sent are listed with the rest of the work', async () => {
    const { page } = await stage.phone('coordinator', '/lists?list=rooms');
    const sheet = await opened(page, page.getByRole('button', { name: 'Edit: Gauja' }), 'Edit the room');
    await sheet.getByLabel('Floor').fill('3');
    await sheet.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('link', { name: /1 entry is on this phone only/ }).click();
    await page.getByText('Room edited').waitFor();
    const saved = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save it as a file' }).click();
    const file = JSON.parse(await readFile(await (await saved).path(), 'utf8')) as { edits: { collection: string }[] };
    expect(file.edits.map(({ collection }) => collection)).toEqual(['rooms']);
    await page.clock.runFor(3_000);
    await page.getByText('everything is on the server').first().waitFor();
});

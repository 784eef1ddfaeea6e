import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stage, wedge } from './stage';

let stage: Stage;
beforeAll(async () => {
    stage = await Stage.set();
});
afterAll(() => stage.strike());

test('somebody is admitted by a scanner that types, and two seconds later the door is ready', async () => {
    const { page, faults } = await stage.phone('staff', '/door');
    await page.getByRole('searchbox').waitFor();
    await wedge(page, 'T-0000');
    const verdict = page.getByRole('alertdialog', { name: 'Let in' });
    await verdict.getByText('Jānis Bērziņš').waitFor();
    await page.clock.runFor(2_100);
    await verdict.waitFor({ state: 'detached' });

    // What the scanner typed stays nowhere, and the next one needs no touch.
    expect(await page.getByRole('searchbox').inputValue()).toBe('');
    await page.clock.runFor(5_000);
    await wedge(page, 'T-0000');
    await page
        .getByRole('alertdialog', { name: 'Already in' })
        .getByText(/Since 09:40/)
        .waitFor();
    await page.clock.runFor(10_000);
    // What has to be read stays until somebody has read it.
    await page.getByRole('alertdialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('alertdialog').waitFor({ state: 'detached' });
    expect(faults).toEqual([]);
});

test('a scanner that sends everything twice is one scan', async () => {
    const { page } = await stage.phone('staff', '/door');
    await page.getByRole('searchbox').waitFor();
    await wedge(page, 'T-0000');
    await page.getByRole('alertdialog', { name: 'Let in' }).waitFor();
    await wedge(page, 'T-0000');
    expect(await page.getByRole('alertdialog').getAttribute('data-verdict')).toBe('admitted');
});

test('a refusal says why and what to do, and staff may answer for letting somebody in', async () => {
    const { page } = await stage.phone('staff', '/door');
    await page.getByRole('searchbox').waitFor();
    await wedge(page, 'UNPAID');
    const verdict = page.getByRole('alertdialog', { name: 'Not paid' });
    await verdict.getByText('Send them to the registration desk.').waitFor();
    await verdict.getByRole('button', { name: 'Let in all the same' }).click();
    await page.getByLabel('Why are they let in?').fill('Paid in cash just now');
    await page.keyboard.press('Enter');
    await page.getByRole('alertdialog', { name: 'Let in all the same' }).waitFor();
    // The organiser's own no is not staff's to overrule.
    await page.clock.runFor(5_000);
    await wedge(page, 'BLOCKED');
    const blocked = page.getByRole('alertdialog', { name: 'Do not admit' });
    await blocked.waitFor();
    expect(await blocked.getByRole('button', { name: 'Let in all the same' }).count()).toBe(0);
});

test('questions are asked before somebody is admitted', async () => {
    const { page } = await stage.phone('staff', '/door');
    await page.getByLabel('Checkpoint').selectOption({ label: 'Workshop: Reading a ward at night' });
    await wedge(page, 'T-0000');
    const verdict = page.getByRole('alertdialog', { name: 'Please ask' });
    const done = verdict.getByRole('button', { name: 'Done: let in' });
    expect(await done.isDisabled()).toBe(true);
    await verdict.getByRole('radio', { name: 'Yes' }).check();
    await verdict.getByRole('radio', { name: 'English' }).check();
    await done.click();
    await page.getByRole('alertdialog', { name: 'Let in' }).waitFor();
});

test('with nothing but a keyboard: search, check in, undo', async () => {
    const { page } = await stage.phone('staff', '/door');
    await page.getByRole('searchbox').focus();
    await page.keyboard.type('berzins janis', { delay: 120 });
    await page
        .getByRole('button', { name: /Jānis Bērziņš/ })
        .first()
        .waitFor();
    await page.keyboard.press('Tab'); // the button that clears the field
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    const card = page.getByRole('dialog', { name: 'Attendee' });
    await card.waitFor();
    await card.getByRole('button', { name: 'Check in', exact: true }).focus();
    await page.keyboard.press('Enter');
    const verdict = page.getByRole('alertdialog', { name: 'Let in' });
    await verdict.waitFor();
    await verdict.getByRole('button', { name: 'Undo' }).focus();
    await page.keyboard.press('Enter');
    await verdict.waitFor({ state: 'detached' });
    await page
        .getByRole('button', { name: /Jānis Bērziņš/ })
        .first()
        .press('Enter');
    await card.getByText('Not inside').waitFor();
    await page.getByText('Taken back: Jānis Bērziņš').waitFor({ state: 'attached' });
    // Once somebody is in, the next one is searched from nothing.
    await card.getByRole('button', { name: 'Check in', exact: true }).press('Enter');
    await verdict.getByRole('button', { name: 'Next' }).press('Enter');
    await page.getByRole('searchbox').and(page.locator('[value=""], :placeholder-shown')).waitFor();
    await page.getByText('Taken back').waitFor({ state: 'detached' });
});

test('others of an order come in together', async () => {
    const { page } = await stage.phone('staff', '/door');
    await page.getByRole('searchbox').fill('T-0003');
    await page.getByRole('main').getByRole('listitem').getByRole('button').first().click();
    const card = page.getByRole('dialog', { name: 'Attendee' });
    await card.getByRole('button', { name: /Check in 2 people|Check in 1 person/ }).click();
    await card.getByRole('button', { name: /Check in \d/ }).waitFor({ state: 'detached' });
    expect(await card.getByRole('checkbox', { disabled: true }).count()).toBeGreaterThan(0);
});

test('a walk-in needs a name, is counted, and can be taken back', async () => {
    const { page } = await stage.phone('staff', '/door');
    const inside = page.getByRole('region', { name: 'Counts' }).locator('dd').first();
    await inside.getByText('455').waitFor();
    await page.getByRole('button', { name: 'Register a walk-in' }).click();
    const sheet = page.getByRole('dialog', { name: 'Walk-in' });
    await sheet.getByRole('button', { name: 'Register and admit' }).click();
    await sheet.getByText('Write the name.').waitFor();
    await sheet.getByLabel('Name for the badge').fill('Ada Liepa');
    await page.keyboard.press('Enter');
    await page.getByText('Ada Liepa is registered and inside.').waitFor();
    await inside.getByText('456').waitFor();
    await page.getByRole('button', { name: 'Undo' }).click();
    await inside.getByText('455').waitFor();
});

test('ten megabytes pasted into the search cost one sentence', async () => {
    const { page } = await stage.phone('staff', '/door');
    const field = page.getByRole('searchbox');
    await field.focus();
    await page.evaluate(() => {
        const data = new DataTransfer();
        data.setData('text/plain', 'x'.repeat(10_000_000));
        document.execCommand('insertText', false, data.getData('text/plain'));
    });
    await page.getByText('Only the first 200 letters are used.').waitFor();
    expect((await field.inputValue()).length).toBe(200);
});

test('a camera that is refused says so, and what works without it', async () => {
    const { page } = await stage.phone('staff', '/door');
    await page.evaluate(() => {
        navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'));
    });
    await page.getByRole('button', { name: 'Start the camera' }).click();
    await page.getByText('The camera was not allowed').waitFor();
    await page.getByText(/A scanner that types works at any time/).waitFor();
    await page.getByRole('button', { name: 'Try again' }).waitFor();
});

// What is looked at: a scenario of the fake core, a path, and what somebody does there.

const scan = (code) => async (page) => {
    await page.locator('main input[type=search]').waitFor();
    await Promise.all([...code, 'Enter'].map((key) => page.keyboard.press(key)));
    await page.locator('[data-verdict]').waitFor();
};
const at = (index) => async (page) => {
    await page.locator('main select').first().selectOption({ index });
};
const steps =
    (...all) =>
    async (page) => {
        for (const step of all) await step(page);
    };
const search = (typed) => async (page) => {
    await page.locator('main input[type=search]').fill(typed);
    await page.locator('main li button').first().waitFor();
};
const first = (selector) => async (page) => {
    await page.locator(selector).first().click();
};
const dialog = async (page) => {
    await page.getByRole('dialog').waitFor();
};
/** Reports that something went wrong, in the dialog for that. */
const report = (text) =>
    steps(
        first('main .danger'),
        dialog,
        async (page) => page.locator('[role=dialog] textarea').fill(text),
        first('[role=dialog] .primary'),
        async (page) => page.getByRole('dialog').waitFor({ state: 'detached' }),
    );

export const scenes = [
    { name: 'door', scenario: 'staff', path: '/door' },
    { name: 'door-empty', scenario: 'empty', path: '/door' },
    { name: 'door-broken', scenario: 'broken', path: '/door' },
    { name: 'door-offline', scenario: 'offline', path: '/door' },
    { name: 'door-lease', scenario: 'lease', path: '/door' },
    { name: 'door-memory', scenario: 'memory', path: '/door' },
    {
        name: 'door-full',
        scenario: 'full',
        path: '/door',
        act: scan('T-0000'),
    },
    { name: 'door-search', scenario: 'staff', path: '/door', act: search('berz jan') },
    {
        name: 'door-search-nobody',
        scenario: 'staff',
        path: '/door',
        act: async (page) => page.locator('main input[type=search]').fill('xqxq'),
    },
    { name: 'door-card', scenario: 'staff', path: '/door', act: steps(search('kal'), first('main li button'), dialog) },
    {
        name: 'door-walkin',
        scenario: 'staff',
        path: '/door',
        act: steps(first('main .door > .stack:last-child > .button'), dialog),
    },
    // It goes by itself after a moment.
    { name: 'verdict-admitted', scenario: 'staff', path: '/door', act: scan('T-0000'), fleeting: true },
    {
        name: 'door-undone',
        scenario: 'staff',
        path: '/door',
        act: steps(scan('T-0000'), async (page) => page.locator('[data-verdict] .buttons button').last().click()),
        fleeting: true,
    },
    { name: 'verdict-notes', scenario: 'staff', path: '/door', act: scan('T-0123') },
    { name: 'verdict-already', scenario: 'staff', path: '/door', act: scan('T-0006') },
    { name: 'verdict-unknown', scenario: 'staff', path: '/door', act: scan('Z-9999') },
    { name: 'verdict-refused', scenario: 'staff', path: '/door', act: scan('UNPAID') },
    { name: 'verdict-category', scenario: 'staff', path: '/door', act: steps(at(2), scan('PRESS')) },
    { name: 'verdict-questions', scenario: 'staff', path: '/door', act: steps(at(1), scan('T-0000')) },
    { name: 'rooms', scenario: 'staff', path: '/rooms' },
    {
        name: 'rooms-by-room',
        scenario: 'staff',
        path: '/rooms',
        act: async (page) => page.locator('.segment').nth(1).click(),
    },
    {
        name: 'rooms-people',
        scenario: 'staff',
        path: '/rooms',
        act: async (page) => page.locator('.segment').nth(2).click(),
    },
    { name: 'rooms-empty', scenario: 'empty', path: '/rooms' },
    { name: 'checklist', scenario: 'staff', path: '/rooms/s000000000000002' },
    { name: 'incident', scenario: 'staff', path: '/rooms', act: steps(first('main .danger'), dialog) },
    {
        name: 'incidents',
        scenario: 'staff',
        path: '/rooms',
        act: steps(report('A lamp flickers'), report('The lift is stuck'), first('main details summary')),
    },
    { name: 'settings', scenario: 'staff', path: '/settings' },
    { name: 'sync-offline', scenario: 'offline', path: '/settings/sync' },
    { name: 'enrol', scenario: 'new', path: '/' },
    { name: 'enrol-ready', scenario: 'new', path: '/enrol#7ZQK3M5X9T2W8R4V6B1N0CYHJD' },
    { name: 'enrol-waits', scenario: 'new', path: '/enrol#7ZQK3M5X9T2W8R4V6B1N0CWA1T' },
    { name: 'signin', scenario: 'new', path: '/signin' },
    { name: 'signin-invited', scenario: 'new', path: '/invite#5X9T2W8R4V6B1N0CYHJD7ZQK3M' },
    {
        name: 'signin-short',
        scenario: 'new',
        path: '/invite#5X9T2W8R4V6B1N0CYHJD7ZQK3M',
        act: first('main .primary'),
    },
    {
        name: 'signin-which',
        scenario: 'new',
        path: '/signin',
        act: async (page) => {
            await page.locator('input[autocomplete=username]').fill('several');
            await page.locator('input[type=password]').fill('a long password');
            await page.locator('main .primary').click();
            await page.locator('main li').first().waitFor();
        },
    },
    { name: 'welcome', scenario: 'staff', path: '/welcome' },
    { name: 'revoked', scenario: 'revoked', path: '/' },
    { name: 'presenter', scenario: 'presenter', path: '/mine' },
    {
        name: 'needs-edit',
        scenario: 'presenter',
        path: '/mine',
        act: steps(async (page) => page.locator('main .card:last-child > .button').click(), dialog),
    },
    {
        name: 'overview',
        scenario: 'coordinator',
        path: '/overview',
        act: steps(first('main .quiet'), async (page) => page.locator('main .wide canvas').waitFor()),
    },
    { name: 'overview-empty', scenario: 'empty', path: '/overview' },
    { name: 'tasks', scenario: 'coordinator', path: '/tasks' },
    {
        name: 'tasks-settled',
        scenario: 'coordinator',
        path: '/tasks',
        act: steps(first('main article .deeds .button'), async (page) =>
            page.locator('main article [role=status]').waitFor(),
        ),
    },
    { name: 'files', scenario: 'coordinator', path: '/files' },
    {
        name: 'files-report',
        scenario: 'coordinator',
        path: '/files',
        act: async (page) => {
            const file = { name: 'attendees.csv', mimeType: 'text/csv', buffer: Buffer.from('a,b') };
            await page.locator('input[type=file]').setInputFiles(file);
            await page.locator('main article details summary').click();
        },
    },
    { name: 'devices', scenario: 'coordinator', path: '/devices' },
    { name: 'devices-code', scenario: 'coordinator', path: '/devices', act: steps(first('main .primary'), dialog) },
    {
        name: 'devices-qr',
        scenario: 'coordinator',
        path: '/devices',
        act: steps(first('main .primary'), dialog, first('[role=dialog] .primary'), async (page) =>
            page.locator('[role=dialog] svg[role=img]').waitFor(),
        ),
    },
    {
        name: 'devices-one',
        scenario: 'coordinator',
        path: '/devices',
        act: steps(first('main li:nth-child(3) .row .button'), dialog),
    },
    {
        name: 'devices-leases',
        scenario: 'coordinator',
        path: '/devices',
        act: steps(first('main .rules section:last-child .button'), dialog),
    },
    {
        name: 'devices-invite',
        scenario: 'coordinator',
        path: '/devices',
        act: steps(first('main .rules section:first-child > div:last-child .button'), dialog),
    },
    {
        name: 'devices-invited',
        scenario: 'coordinator',
        path: '/devices',
        act: steps(
            first('main .rules section:first-child > div:last-child .button'),
            dialog,
            first('[role=dialog] .primary'),
            async (page) => page.locator('[role=dialog] svg[role=img]').waitFor(),
        ),
    },
    { name: 'devices-offline', scenario: 'offline', path: '/devices' },
    { name: 'lists-attendees', scenario: 'coordinator', path: '/lists' },
    { name: 'lists-sessions', scenario: 'coordinator', path: '/lists?list=sessions' },
    { name: 'lists-rooms', scenario: 'coordinator', path: '/lists?list=rooms' },
    { name: 'lists-checkpoints', scenario: 'coordinator', path: '/lists?list=checkpoints' },
    {
        name: 'edit-attendee',
        scenario: 'coordinator',
        path: '/lists',
        act: steps(
            search('kal'),
            first('main li button'),
            dialog,
            async (page) => page.locator('[role=dialog] .deeds > .button').last().click(),
            async (page) => page.locator('[role=dialog] form').waitFor(),
        ),
    },
    ...['sessions', 'rooms', 'checkpoints'].map((list) => ({
        name: `edit-${list}`,
        scenario: 'coordinator',
        path: `/lists?list=${list}`,
        act: steps(first('main li .quiet'), dialog),
    })),
    { name: 'more', scenario: 'coordinator', path: '/more' },
];

import type { Browser, BrowserContext, Page } from 'playwright-core';
import { launch } from '../../tools/browser.mjs';
import { serve } from '../../tools/serve.mjs';

/** Half past nine in the fake's day, when some are late and others are not. */
export const NOW = Date.parse('2027-05-20T09:40:00+03:00');

/** A browser, and the app as it was built, served with the server's content security policy. */
export class Stage {
    private constructor(
        private readonly browser: Browser,
        private readonly site: { url: string; close: () => void },
    ) {}

    static async set(): Promise<Stage> {
        return new Stage(await launch(), await serve('dist-fake'));
    }

    get url(): string {
        return this.site.url;
    }

    async strike(): Promise<void> {
        await this.browser.close();
        this.site.close();
    }

    async context(): Promise<BrowserContext> {
        return this.browser.newContext({
            locale: 'en',
            timezoneId: 'Europe/Riga',
            viewport: { width: 360, height: 740 },
        });
    }

    /** A phone whose clock moves only when the story says so, and every fault that its page throws. */
    async phone(scenario: string, path: string, preferences: object = {}): Promise<{ page: Page; faults: string[] }> {
        const context = await this.context();
        await context.addInitScript((kept) => {
            if (!localStorage.getItem('muster.preferences'))
                localStorage.setItem('muster.preferences', JSON.stringify(kept));
        }, preferences);
        const page = await context.newPage();
        const faults: string[] = [];
        page.on('pageerror', (error) => faults.push(error.message));
        page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
        await page.clock.install({ time: NOW });
        const [place, hash = ''] = path.split('#');
        await page.goto(`${this.url}${place}${path.includes('?') ? '&' : '?'}fake=${scenario}${hash && `#${hash}`}`);
        return { page, faults };
    }
}

/** A scanner that types: keys within a few milliseconds, and Enter. No key waits for the answer to the one before. */
export async function wedge(page: Page, code: string): Promise<void> {
    await Promise.all([...code, 'Enter'].map((key) => page.keyboard.press(key)));
}

import type { Core } from './api';

/** The one core of this app. The fake is for looking at screens (`npm run dev:fake`) and never in a build for people. */
export async function openCore(): Promise<Core> {
    if (import.meta.env.VITE_CORE === 'fake') {
        const { openFake } = await import('./fake');
        return openFake();
    }
    throw new Error('the core is not built into this app yet');
}

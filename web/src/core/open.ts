import type { Core } from './api';
import { openRemote } from './remote';

/** The one core of this app. The fake is for looking at screens (`npm run dev:fake`) and never in a build for people. */
export async function openCore(): Promise<Core> {
    if (import.meta.env.VITE_CORE === 'fake') {
        const { openFake } = await import('./fake');
        return openFake();
    }
    const start = () => new Worker(new URL('./worker/main.ts', import.meta.url), { type: 'module', name: 'muster' });
    return openRemote(start, async (picture) => {
        const { decodeQr } = await import('./qr/decode');
        return decodeQr(picture);
    });
}

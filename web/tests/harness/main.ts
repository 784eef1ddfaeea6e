/** A page with the core and nothing else: what the tests of the core call. It is no part of the app. */
import type { Core } from '../../src/core/api';
import { openRemote } from '../../src/core/remote';
import { decodeQr } from '../../src/core/qr/decode';

declare global {
    var core: Core;
    /** Topics that were told, in their order. */
    var told: string[];
    /** This tab's worker, for what a test does to it. */
    var worker: Worker;
}

function start(): Worker {
    globalThis.worker = new Worker(new URL('../../src/core/worker/main.ts', import.meta.url), { type: 'module' });
    return globalThis.worker;
}

globalThis.told = [];
globalThis.core = openRemote(start, decodeQr);
globalThis.core.subscribe((topics) => {
    globalThis.told.push(...topics);
});
document.title = 'open';

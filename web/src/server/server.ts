import { app } from '../app/app.svelte';
import { HttpServer } from './http';
import type { Server } from './types';

export type * from './types';

let made: Promise<Server> | null = null;

/** The server that this app came from. Only what works with a network alone goes through it; all else is the core's. */
export function server(): Promise<Server> {
    made ??= make();
    return made;
}

async function make(): Promise<Server> {
    if (import.meta.env.VITE_CORE === 'fake') {
        const { FakeServer } = await import('./fake');
        return new FakeServer();
    }
    return new HttpServer(
        () => app.core.accessToken(),
        () => app.me?.event ?? '',
    );
}

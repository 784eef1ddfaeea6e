/// <reference lib="webworker" />
import {
    cleanupOutdatedCaches,
    createHandlerBoundToURL,
    precacheAndRoute,
    type PrecacheEntry,
} from 'workbox-precaching';
import { NavigationRoute, registerRoute } from 'workbox-routing';

declare const self: ServiceWorkerGlobalScope & { __WB_MANIFEST: (PrecacheEntry | string)[] };

// Every file of one version together, so that a phone never runs half of one and half of another.
precacheAndRoute(self.__WB_MANIFEST);
cleanupOutdatedCaches();

// All screens are one page. What the server answers itself is never taken from here.
const server = [/^\/api\//, /^\/sync/, /^\/healthz/, /^\/readyz/, /^\/metrics/, /^\/\.well-known\//];
registerRoute(new NavigationRoute(createHandlerBoundToURL('/index.html'), { denylist: server }));

// A newer version waits until somebody says so: the page asks with this message.
self.addEventListener('message', (event) => {
    if ((event.data as { type?: string } | null)?.type === 'SKIP_WAITING') void self.skipWaiting();
});
// The first version may serve the page that installed it, or the first offline reload would find nothing.
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

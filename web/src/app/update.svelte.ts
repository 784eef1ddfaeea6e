import { Workbox } from 'workbox-window';

/** A newer app that was fetched and waits. It is offered, and begins when somebody says so: never amid a queue. */
class Update {
    ready = $state(false);
    private workbox: Workbox | null = null;

    watch(): void {
        if (!('serviceWorker' in navigator) || import.meta.env.DEV) return;
        const workbox = new Workbox('/sw.js');
        workbox.addEventListener('waiting', () => (this.ready = true));
        // Where the browser allows no service worker (a private window), the app works as long as the tab is open.
        void workbox.register().catch(() => undefined);
        this.workbox = workbox;
        // All tabs of a phone are of one version: when one of them begins the newer, the files of this one's are gone. What takes
        // over a page that had none before is the version that the page is of.
        let had = navigator.serviceWorker.controller !== null;
        navigator.serviceWorker.addEventListener('controllerchange', () => {
            if (had) location.reload();
            had = true;
        });
        // A phone at a door is not closed for days: it looks for a newer app when it comes back to the front.
        document.addEventListener('visibilitychange', () => {
            if (document.visibilityState === 'visible') void workbox.update().catch(() => undefined);
        });
    }

    apply(): void {
        this.workbox?.messageSkipWaiting();
    }
}

export const update = new Update();

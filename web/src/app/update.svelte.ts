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
        // A phone at a door is not closed for days: it looks for a newer app when it comes back to the front.
        document.addEventListener('visibilitychange', () => {
            if (document.visibilityState === 'visible') void workbox.update().catch(() => undefined);
        });
    }

    apply(): void {
        if (!this.workbox) return;
        this.workbox.addEventListener('controlling', () => location.reload());
        this.workbox.messageSkipWaiting();
    }
}

export const update = new Update();

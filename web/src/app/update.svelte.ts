import { Workbox } from 'workbox-window';

const SCRIPT = '/sw.js';
const AGAIN_MS = 15_000;

/** What the service worker does: it keeps the app's files for a start without a network, and fetches newer ones. */
class Update {
    /** A newer app was fetched and waits. It is offered, and begins when somebody says so: never amid a queue. */
    ready = $state(false);
    /** Whether the app starts without a network. Where the browser keeps nothing, it works as long as the tab is open. */
    kept = $state<'fetching' | 'kept' | 'not'>('fetching');
    private workbox: Workbox | null = null;

    watch(): void {
        // While somebody works at the app, and at made data, nothing hangs on it.
        if (import.meta.env.DEV || import.meta.env.VITE_CORE === 'fake') this.kept = 'kept';
        if (import.meta.env.DEV) return;
        if (!('serviceWorker' in navigator)) {
            this.kept = 'not';
            return;
        }
        const workbox = new Workbox(SCRIPT);
        workbox.addEventListener('waiting', () => (this.ready = true));
        void this.keep(() => workbox.register());
        void navigator.serviceWorker.ready.then(() => (this.kept = 'kept'));
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

    /** Has the app's files fetched; on a network that breaks off, again and again while the app is open. */
    private async keep(register: () => Promise<ServiceWorkerRegistration | undefined>): Promise<void> {
        const again = () => setTimeout(() => void this.keep(() => navigator.serviceWorker.register(SCRIPT)), AGAIN_MS);
        const registration = await register().catch(() => undefined);
        if (this.kept === 'kept') return;
        if (registration) {
            this.kept = 'fetching';
            const worker = registration.installing;
            worker?.addEventListener('statechange', () => worker.state === 'redundant' && again());
        } else {
            this.kept = 'not';
            again();
        }
    }

    apply(): void {
        this.workbox?.messageSkipWaiting();
    }
}

export const update = new Update();

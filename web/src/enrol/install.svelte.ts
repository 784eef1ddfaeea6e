/** What Chromium sends before it would offer to install by itself. */
interface InstallEvent extends Event {
    prompt(): Promise<{ outcome: 'accepted' | 'dismissed' }>;
}

/** Whether this app is on the home screen, and how it gets there. */
class Install {
    offered = $state.raw<InstallEvent | null>(null);
    installed = $state(matchMedia('(display-mode: standalone)').matches);
    /** Whether the browser promised to keep the database; null: not asked yet. */
    persisted = $state<boolean | null>(null);

    constructor() {
        addEventListener('beforeinstallprompt', (event) => {
            event.preventDefault();
            this.offered = event as InstallEvent;
        });
        addEventListener('appinstalled', () => {
            this.installed = true;
            this.offered = null;
        });
        void navigator.storage?.persisted?.().then((yes) => yes && (this.persisted = true));
    }

    /** Safari installs by its share menu only, and an iPhone forgets what is not installed after a week. */
    get byHand(): boolean {
        return (
            !this.installed &&
            !this.offered &&
            /iPhone|iPad|Macintosh.*Safari/.test(navigator.userAgent) &&
            !('chrome' in window)
        );
    }

    async ask(): Promise<void> {
        const offered = this.offered;
        this.offered = null;
        if (offered) this.installed = (await offered.prompt()).outcome === 'accepted';
    }

    async persist(): Promise<void> {
        this.persisted = (await navigator.storage?.persist?.()) ?? false;
    }
}

export const install = new Install();

import { MusterError, type Core, type Event, type Me, type Status, type StorageState, type Topic } from '../core/api';
import { openCore } from '../core/open';
import { words } from '../i18n/words.svelte';
import { journal } from './journal.svelte';

/** How far the app has come. */
export type Phase = 'opening' | 'failed' | 'unenrolled' | 'ready';

type Listener = (topics: Topic[]) => void;

/** The one core, and what every screen needs of it. */
class App {
    phase = $state<Phase>('opening');
    me = $state.raw<Me | null>(null);
    event = $state.raw<Event | null>(null);
    status = $state.raw<Status | null>(null);
    storage = $state.raw<StorageState | null>(null);
    failure = $state.raw<MusterError | null>(null);
    /** Somebody opened an enrolment link on a phone that has an event already. */
    joined = $state(false);
    private opened: Core | null = null;
    private readonly listeners = new Set<Listener>();

    get core(): Core {
        if (!this.opened) throw new Error('a screen was shown before the core was opened');
        return this.opened;
    }

    get role(): 'coordinator' | 'finance' | 'staff' | 'presenter' {
        return this.me?.role.type ?? 'staff';
    }

    async open(): Promise<void> {
        this.phase = 'opening';
        this.failure = null;
        const link = location.pathname === '/enrol' || location.pathname === '/invite';
        try {
            if (!this.opened) {
                this.opened = await openCore();
                this.opened.subscribe((topics) => this.changed(topics));
            }
            this.storage = await this.opened.storage();
            await this.opened.startSync();
            const enrolled = await this.look();
            // Known only here: a phone that joins with a link has an event a moment later, too.
            if (link && enrolled) this.joined = true;
        } catch (error) {
            this.failure = asMuster(error);
            this.phase = 'failed';
        }
    }

    /** Who this device is, and how it stands. Says whether it belongs to an event. */
    async look(): Promise<boolean> {
        const me = await this.core.me();
        const status = await this.core.status();
        journal.look(this.status, status);
        [this.me, this.status] = [me, status];
        const enrolled = me !== null && status.standing !== 'forgotten' && status.standing !== 'revoked';
        if (enrolled) {
            this.event = await this.core.event().catch(() => this.event);
            words.zone = this.event?.timeZone ?? '';
            this.phase = 'ready';
        } else {
            this.phase = 'unenrolled';
        }
        return enrolled;
    }

    listen(listener: Listener): () => void {
        this.listeners.add(listener);
        return () => this.listeners.delete(listener);
    }

    private looking = false;
    private again = false;

    private changed(topics: Topic[]): void {
        for (const listener of this.listeners) listener(topics);
        if (!topics.includes('status') && !topics.includes('event')) return;
        if (this.looking) {
            this.again = true;
            return;
        }
        this.looking = true;
        this.look()
            .catch((error: unknown) => (this.failure = asMuster(error)))
            .finally(() => {
                this.looking = false;
                if (this.again) {
                    this.again = false;
                    this.changed(['status']);
                }
            });
    }
}

/** Whatever was thrown, as something that a screen can show. */
export function asMuster(error: unknown): MusterError {
    if (error instanceof MusterError) return error;
    const detail = error instanceof Error ? error.message : String(error);
    return new MusterError('internal', 'permanent', 'the app has a fault; report it with what you did', detail);
}

export const app = new App();

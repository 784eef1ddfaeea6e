import { app, asMuster } from '../app/app.svelte';
import { clock } from '../app/clock.svelte';
import { preferences } from '../app/preferences.svelte';
import type { Answers, AttendeeId, Checkpoint, EntryVia, MusterError, ScanResult } from '../core/api';
import { t, words } from '../i18n/words.svelte';
import { look } from './look';
import { signals } from './signals.svelte';

/** For so long a verdict is alone on the screen. */
const ALONE_MS = 2_000;

/** How the person was found: what to ask again with answers or a reason. */
type Asked = { code: string } | { attendee: AttendeeId; via: EntryVia };

interface Shown {
    result: ScanResult;
    asked: Asked;
    /** Ready for the next: it may be replaced. */
    ready: boolean;
}

/** What happens at a door: one verdict at a time, decided by the core. */
export class Door {
    checkpoints = $state.raw<Checkpoint[]>([]);
    shown = $state.raw<Shown | null>(null);
    error = $state.raw<MusterError | null>(null);
    /** Whose check-in was taken back last, until the next verdict. */
    undone = $state('');
    /** Somebody does something else on this screen: the camera waits. */
    busy = false;
    private deciding = false;
    private timer: ReturnType<typeof setTimeout> | undefined;

    readonly checkpoint = $derived(
        this.checkpoints.find(({ id }) => id === preferences.checkpoint) ?? this.checkpoints[0] ?? null,
    );

    /** The camera sees a code. While a verdict is alone, what the camera sees is the same badge, still held up. */
    seen(code: string): void {
        if (this.busy || (this.shown && !this.shown.ready)) return;
        void this.decide({ code });
    }

    /** A scanner was triggered by hand: that is always meant. */
    triggered(code: string): void {
        void this.decide({ code });
    }

    async checkIn(attendee: AttendeeId, via: EntryVia): Promise<void> {
        await this.decide({ attendee, via });
    }

    async answer(answers: Answers): Promise<void> {
        if (this.shown) await this.decide(this.shown.asked, answers);
    }

    /** Lets somebody in whatever the verdict; who did and why is kept. */
    async override(reason: string): Promise<void> {
        const card = this.shown?.result.card;
        if (card)
            await this.decide(
                { attendee: card.id, via: this.shown && 'code' in this.shown.asked ? 'scan' : 'search' },
                {},
                reason,
            );
    }

    async undo(): Promise<void> {
        const result = this.shown?.result;
        if (!result?.recorded) return;
        const { fact } = result.recorded;
        await this.attempt(async () => {
            await app.core.undo(fact, '');
            this.undone = result.card?.attendee.name ?? t('verdict.bearer');
            this.dismiss();
        });
    }

    dismiss(): void {
        clearTimeout(this.timer);
        this.shown = null;
        this.error = null;
    }

    /** Keeps the verdict on the screen: somebody is doing something with it. A scanner in the hand still replaces it. */
    hold(): void {
        clearTimeout(this.timer);
        if (this.shown) this.shown = { ...this.shown, ready: false };
    }

    private async decide(asked: Asked, answers: Answers = {}, despite = ''): Promise<void> {
        const checkpoint = this.checkpoint;
        if (!checkpoint || this.deciding) return;
        this.deciding = true;
        await this.attempt(async () => {
            const result =
                'code' in asked
                    ? await app.core.scan(checkpoint.id, asked.code, answers)
                    : await app.core.checkIn({ checkpoint: checkpoint.id, ...asked, answers, despite });
            this.show(result, asked);
        });
        this.deciding = false;
    }

    private show(result: ScanResult, asked: Asked): void {
        // A scanner that sends everything twice must not sound twice.
        if (
            result.repeated &&
            this.shown &&
            'code' in asked &&
            'code' in this.shown.asked &&
            asked.code === this.shown.asked.code
        ) {
            return;
        }
        clearTimeout(this.timer);
        this.shown = { result, asked, ready: false };
        this.undone = '';
        const { tone } = this.look(result);
        signals.give(tone);
        this.timer = setTimeout(() => {
            // Whoever was simply admitted is gone by now; what has to be read stays until somebody has read it.
            const attention = result.card?.attendee.attention || result.card?.attendee.notes;
            if (tone === 'ok' && !attention) this.shown = null;
            else if (this.shown && tone !== 'ask') this.shown = { ...this.shown, ready: true };
        }, ALONE_MS);
    }

    look(result: ScanResult) {
        const devices = app.status?.devices ?? [];
        const nameOf = (device: string) => {
            if (device === app.me?.device) return app.status?.label ?? '';
            return devices.find((one) => one.device === device)?.by ?? '';
        };
        return look(result, { formats: words.formats, now: clock.now, checkpoints: this.checkpoints, nameOf });
    }

    private async attempt(work: () => Promise<void>): Promise<void> {
        this.error = null;
        try {
            await work();
        } catch (error) {
            // Nothing was recorded and nobody admitted: that fills the screen as a refusal does.
            clearTimeout(this.timer);
            this.shown = null;
            this.error = asMuster(error);
            signals.give('bad');
        }
    }
}

import type { MusterError, Topic } from '../core/api';
import { app, asMuster } from './app.svelte';

/** An answer of the core that is asked again when it may differ. The last one stays on the screen meanwhile. */
export interface Live<T> {
    readonly value: T | undefined;
    readonly error: MusterError | null;
    refresh(): void;
}

/**
 * Asks now, whenever something that `ask` reads has changed, and whenever one of the topics has. Changes that come while
 * an answer is awaited lead to one more question, however many they are.
 */
export function live<T>(topics: Topic[], ask: () => Promise<T>): Live<T> {
    let value = $state.raw<T>();
    let error = $state.raw<MusterError | null>(null);
    let version = 0;
    let waiting = false;
    let again = false;

    const put = async (question: Promise<T>, mine: number) => {
        waiting = true;
        try {
            const answer = await question;
            if (mine === version) [value, error] = [answer, null];
        } catch (failure) {
            if (mine === version) error = asMuster(failure);
        }
        if (mine !== version) return;
        waiting = false;
        if (again) {
            again = false;
            refresh();
        }
    };
    const refresh = () => {
        if (waiting) again = true;
        else void put(start(ask), version);
    };
    $effect(() => {
        version += 1;
        again = false;
        void put(start(ask), version);
    });
    $effect(() => app.listen((changed) => topics.some((topic) => changed.includes(topic)) && refresh()));

    return {
        get value() {
            return value;
        },
        get error() {
            return error;
        },
        refresh,
    };
}

/** What throws before it returns a promise fails like one. */
function start<T>(ask: () => Promise<T>): Promise<T> {
    try {
        return ask();
    } catch (error) {
        return Promise.reject(asMuster(error));
    }
}

/** One thing that a person asked for: runs one at a time, and keeps what went wrong until the next try. */
export class Action {
    running = $state(false);
    error = $state.raw<MusterError | null>(null);

    async run<T>(work: () => Promise<T>): Promise<T | undefined> {
        if (this.running) return undefined;
        this.running = true;
        this.error = null;
        try {
            return await work();
        } catch (error) {
            this.error = asMuster(error);
            return undefined;
        } finally {
            this.running = false;
        }
    }
}

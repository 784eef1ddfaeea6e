/** The time, for what a screen counts down: moves every ten seconds, and at once when the app comes back to the front. */
class Clock {
    now = $state(Date.now());
    /** Changes once a minute. */
    readonly minute = $derived(Math.floor(this.now / 60_000));

    constructor() {
        setInterval(() => this.tick(), 10_000);
        document.addEventListener('visibilitychange', () => this.tick());
    }

    private tick(): void {
        if (document.visibilityState === 'visible') this.now = Date.now();
    }
}

export const clock = new Clock();

/** The time, for what a screen counts down: moves every ten seconds, and at once when the app comes back to the front. */
class Clock {
    now = $state(Date.now());

    constructor() {
        setInterval(() => this.tick(), 10_000);
        document.addEventListener('visibilitychange', () => this.tick());
    }

    private tick(): void {
        if (document.visibilityState === 'visible') this.now = Date.now();
    }

    /** Changes once a minute. */
    get minute(): number {
        return Math.floor(this.now / 60_000);
    }
}

export const clock = new Clock();

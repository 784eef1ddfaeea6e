/** What somebody chose on this device. Nothing of the event is in it. */
export type Theme = 'system' | 'bright' | 'dark' | 'contrast';

interface Kept {
    theme: Theme;
    /** Empty: what the browser wants. */
    language: string;
    sound: boolean;
    vibration: boolean;
    checkpoint: string;
    camera: string;
}

const KEY = 'muster.preferences';
const usual: Kept = { theme: 'system', language: '', sound: true, vibration: true, checkpoint: '', camera: '' };

function load(): Kept {
    try {
        return { ...usual, ...(JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Kept>) };
    } catch {
        return { ...usual };
    }
}

class Preferences {
    private kept = $state(load());

    get theme(): Theme {
        return this.kept.theme;
    }
    get language(): string {
        return this.kept.language;
    }
    get sound(): boolean {
        return this.kept.sound;
    }
    get vibration(): boolean {
        return this.kept.vibration;
    }
    get checkpoint(): string {
        return this.kept.checkpoint;
    }
    get camera(): string {
        return this.kept.camera;
    }

    set(change: Partial<Kept>): void {
        Object.assign(this.kept, change);
        try {
            localStorage.setItem(KEY, JSON.stringify(this.kept));
        } catch {
            // A browser that keeps nothing forgets the choice with the tab.
        }
        if (change.theme) showTheme(change.theme);
    }

    /** What somebody chooses in one tab holds in all tabs of a phone. */
    follow(then: () => void): void {
        window.addEventListener('storage', ({ key }) => {
            if (key !== KEY) return;
            this.kept = load();
            showTheme(this.kept.theme);
            then();
        });
    }
}

export function showTheme(theme: Theme): void {
    const prefers = (what: string) => matchMedia(what).matches;
    const system = prefers('(prefers-contrast: more)')
        ? 'contrast'
        : prefers('(prefers-color-scheme: dark)')
          ? 'dark'
          : 'bright';
    document.documentElement.dataset['theme'] = theme === 'system' ? system : theme;
    const paper = getComputedStyle(document.documentElement).getPropertyValue('--paper').trim();
    document.querySelector('meta[name="theme-color"]')?.setAttribute('content', paper);
}

export const preferences = new Preferences();

/**
 * Scanners that type: they send a code as keys, much faster than a person, and then Enter. Some send it twice; the second
 * is the same answer again, which the core knows.
 */

/** Between two keys, usually: people need 80 ms and more, slow scanners over Bluetooth up to 35 ms. */
const USUAL_MS = 50;
/** A busy phone may hear one key late. After so long, what was typed before belongs to something else. */
const LONGEST_MS = 250;
const SHORTEST = 4;
const LONGEST = 4096;

export class WedgeReader {
    private typed = '';
    private gaps: number[] = [];
    private lastAt = -Infinity;

    /** Takes a key; a code, when a scanner has just ended one with Enter or Tab. */
    key(key: string, at: number): string | null {
        const ends = key === 'Enter' || key === 'Tab';
        if (!ends && key.length !== 1) return null;
        const gap = at - this.lastAt;
        this.lastAt = at;
        if (gap > LONGEST_MS) this.begin();
        else if (this.gaps.length < LONGEST) this.gaps.push(gap);
        if (!ends) {
            if (this.typed.length < LONGEST) this.typed += key;
            return null;
        }
        const code = this.typed;
        const quick = this.usualGap() <= USUAL_MS;
        this.begin();
        return quick && code.length >= SHORTEST ? code : null;
    }

    private begin(): void {
        this.typed = '';
        this.gaps = [];
    }

    /** The median: a person who hurries one key is still a person, a scanner that stumbles over one a scanner. */
    private usualGap(): number {
        const sorted = this.gaps.toSorted((one, other) => one - other);
        return sorted[Math.floor(sorted.length / 2)] ?? Infinity;
    }
}

/** Listens to the whole page: a scanner types wherever the focus is. Returns how to stop. */
export function listenToWedge(found: (code: string) => void): () => void {
    const reader = new WedgeReader();
    const listen = (event: KeyboardEvent) => {
        if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
        const code = reader.key(event.key, event.timeStamp);
        if (code === null) return;
        event.preventDefault();
        event.stopPropagation();
        const field = event.target;
        if (field instanceof HTMLInputElement && field.value.endsWith(code)) {
            field.value = field.value.slice(0, -code.length);
            field.dispatchEvent(new Event('input', { bubbles: true }));
        }
        found(code);
    };
    addEventListener('keydown', listen, true);
    return () => removeEventListener('keydown', listen, true);
}

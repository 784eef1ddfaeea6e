/**
 * Scanners that type: they send a code as keys, much faster than a person, and then Enter. Some send it twice; the second
 * is the same answer again, which the core knows.
 */

/** Between two keys of a scanner; people need 80 ms and more, slow scanners over Bluetooth up to 35 ms. */
const SLOWEST_MS = 50;
const SHORTEST = 4;
const LONGEST = 4096;

export class WedgeReader {
    private typed = '';
    private lastAt = 0;

    /** Takes a key; a code, when a scanner has just ended one with Enter or Tab. */
    key(key: string, at: number): string | null {
        const quick = at - this.lastAt <= SLOWEST_MS;
        this.lastAt = at;
        if (key === 'Enter' || key === 'Tab') {
            const code = this.typed;
            this.typed = '';
            return quick && code.length >= SHORTEST ? code : null;
        }
        if (key.length !== 1) return null;
        if (!quick) this.typed = '';
        if (this.typed.length < LONGEST) this.typed += key;
        return null;
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

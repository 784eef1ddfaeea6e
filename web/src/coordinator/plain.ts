/** A text as people type it who have no diacritics at hand. */
export function plain(text: string): string {
    return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
}

/** Whether every word that somebody typed is in one of the texts, be it only in part. */
export function fits(typed: string, ...texts: string[]): boolean {
    const all = plain(texts.join(' '));
    return plain(typed)
        .split(/\s+/)
        .every((word) => all.includes(word));
}

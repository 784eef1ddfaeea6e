/** Hands a file to whoever sits at the screen. */
export function save(blob: Blob, name: string): void {
    const url = URL.createObjectURL(blob);
    const link = document.createElement('a');
    [link.href, link.download] = [url, name];
    link.click();
    // The browser has taken what it needs by the next turn of its loop at the latest.
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

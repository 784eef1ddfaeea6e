/** What somebody opened, scanned or typed, as an enrolment link; none if it is something else. */
export function enrolmentLink(text: string, origin: string): string | null {
    const trimmed = text.trim();
    if (trimmed.length > 2_000) return null;
    const bare = trimmed.replace(/[\s-]/g, '');
    // A code that is read out and typed: its server is the one that this app came from.
    if (/^[0-9a-z]{26}$/i.test(bare)) return `${origin}/enrol#${bare.toUpperCase()}`;
    let url: URL;
    try {
        url = new URL(trimmed);
    } catch {
        return null;
    }
    const secure = url.protocol === 'https:' || url.protocol === 'http:';
    return secure && url.pathname.endsWith('/enrol') && url.hash.length > 1 ? url.href : null;
}

/** Whether the link is for the server that this app came from: a browser's app works with no other. */
export function ownServer(link: string, origin: string): boolean {
    return new URL(link).origin === origin;
}

/** What an enrolment link carries. */
export function codeOf(link: string): string {
    return new URL(link).hash.slice(1);
}

/** The code of an invitation that somebody opened or scanned, if it is one of this server. */
export function invitationCode(text: string, origin: string): string {
    if (!URL.canParse(text.trim())) return '';
    const { origin: from, pathname, hash } = new URL(text.trim());
    return from === origin && pathname === '/invite' && /^#[0-9a-z]{26}$/i.test(hash) ? hash.slice(1) : '';
}

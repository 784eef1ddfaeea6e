import type { Status, Timestamp } from '../core/api';

/** How fresh this phone is, of all that it knows. */
export interface Fresh {
    connected: boolean;
    /** When a server was heard last. */
    heardAt: Timestamp | null;
    /** Facts and edits that are on no server yet. */
    unsent: number;
    /** Facts and edits that a server refuses. */
    refused: number;
}

export function fresh(status: Status): Fresh {
    const heard = status.servers.flatMap(({ lastContact }) => (lastContact === null ? [] : [lastContact]));
    const missing = status.servers.map(({ factsNotThere, editsNotThere }) => factsNotThere + editsNotThere);
    return {
        connected: status.servers.some(({ link }) => link.type === 'connected'),
        heardAt: heard.length > 0 ? Math.max(...heard) : null,
        // One server that has everything is enough; the others learn it from there.
        unsent: missing.length > 0 ? Math.min(...missing) : 0,
        refused: status.parked.reduce((sum, { facts, edits }) => sum + facts + edits, 0),
    };
}

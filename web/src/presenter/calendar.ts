import type { Event, Session } from '../core/api';

/** Sessions as a calendar file (RFC 5545), for "add to calendar". Times are in UTC, so that no zone has to be described. */
export function calendar(sessions: Session[], event: Event, now: number): string {
    const entries = sessions.flatMap((session) => [
        'BEGIN:VEVENT',
        `UID:${session.id}@muster`,
        `DTSTAMP:${utc(now)}`,
        `DTSTART:${utc(session.startsAt)}`,
        `DTEND:${utc(session.endsAt)}`,
        `SUMMARY:${text(session.title)}`,
        `LOCATION:${text([session.roomName, event.venue, event.city].filter(Boolean).join(', '))}`,
        ...(session.cancelled ? ['STATUS:CANCELLED'] : []),
        'END:VEVENT',
    ]);
    const lines = ['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//Muster//Muster//EN', ...entries, 'END:VCALENDAR'];
    return lines.map(folded).join('\r\n') + '\r\n';
}

function utc(at: number): string {
    return new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, '');
}

function text(value: string): string {
    return value.replace(/[\\;,]/g, '\\$&').replace(/\r?\n/g, '\\n');
}

/** A line has at most 75 bytes; what is longer goes on in the next one, after a space. */
function folded(line: string): string {
    const bytes = new TextEncoder();
    let [out, size] = ['', 0];
    for (const letter of line) {
        const width = bytes.encode(letter).length;
        if (size + width > 74) {
            out += '\r\n ';
            size = 1;
        }
        out += letter;
        size += width;
    }
    return out;
}

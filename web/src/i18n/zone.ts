import { fromAbsolute, getLocalTimeZone, parseDateTime, toCalendarDateTime, toZoned } from '@internationalized/date';

/** A zone that this browser knows, or its own: as times are shown. */
function known(zone: string): string {
    try {
        new Intl.DateTimeFormat('en', { timeZone: zone });
        return zone || getLocalTimeZone();
    } catch {
        return getLocalTimeZone();
    }
}

/** 2027-05-20T09:40 by the clocks of a zone, as a field for times has it; empty for no time. */
export function toField(at: number | null, zone: string): string {
    return at === null
        ? ''
        : toCalendarDateTime(fromAbsolute(at, known(zone)))
              .toString()
              .slice(0, 16);
}

/** The moment that such a field means; none if it is empty or half written. An hour that clocks leave out is the one after. */
export function fromField(text: string, zone: string): number | null {
    try {
        return text ? toZoned(parseDateTime(text), known(zone)).toDate().getTime() : null;
    } catch {
        return null;
    }
}

/** English without a country would be American: "May 20" where everybody around says "20 May". */
const USUAL: Record<string, string> = { en: 'en-GB' };

/**
 * Times and numbers as people of a language write them, in the event's zone. Whatever writes them is made when it is first
 * needed: all together took a third of the time in which a door was drawn (43 of 148 ms; November 2026).
 */
export class Formats {
    private readonly made = new Map<string, Intl.DateTimeFormat>();
    private numbers: Intl.NumberFormat | null = null;
    private relative: Intl.RelativeTimeFormat | null = null;

    private readonly language: string;

    constructor(
        language: string,
        private readonly zone: string,
    ) {
        this.language = USUAL[language] ?? language;
    }

    number(value: number): string {
        this.numbers ??= new Intl.NumberFormat(this.language);
        return this.numbers.format(value);
    }

    /** 09:40. */
    time(at: number): string {
        return this.write(at, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
    }

    /** Thursday, 20 May. */
    day(at: number): string {
        return this.write(at, { weekday: 'long', day: 'numeric', month: 'long' });
    }

    /** 20 May 2027. */
    date(at: number): string {
        return this.write(at, { day: 'numeric', month: 'long', year: 'numeric' });
    }

    /** Thu, 20 May, 09:40. */
    moment(at: number): string {
        return this.write(at, {
            weekday: 'short',
            day: 'numeric',
            month: 'short',
            hour: '2-digit',
            minute: '2-digit',
            hourCycle: 'h23',
        });
    }

    /** A time of today, a moment of any other day. */
    near(at: number, now: number): string {
        const day: Intl.DateTimeFormatOptions = { year: 'numeric', month: '2-digit', day: '2-digit' };
        return this.write(at, day) === this.write(now, day) ? this.time(at) : this.moment(at);
    }

    /** 2027-05-20 in the event's zone: the same for moments of one day. */
    dayKey(at: number): string {
        const parts = this.format({ year: 'numeric', month: '2-digit', day: '2-digit' }, 'en-CA');
        return parts.format(at);
    }

    /** "in 12 min.", "5 min. ago"; days are those of the calendar, so that all of one day are equally far away. */
    ago(at: number, now: number): string {
        this.relative ??= new Intl.RelativeTimeFormat(this.language, { numeric: 'auto', style: 'short' });
        const minutes = Math.round((at - now) / 60_000);
        if (Math.abs(minutes) < 60) return this.relative.format(minutes, 'minute');
        const hours = Math.round(minutes / 60);
        if (Math.abs(hours) < 48) return this.relative.format(hours, 'hour');
        const days = (Date.parse(this.dayKey(at)) - Date.parse(this.dayKey(now))) / 86_400_000;
        return this.relative.format(days, 'day');
    }

    /** An amount in hundredths. */
    money(cents: number, currency: string): string {
        return new Intl.NumberFormat(this.language, { style: 'currency', currency: currency || 'EUR' }).format(
            cents / 100,
        );
    }

    bytes(size: number): string {
        const megabytes = size / 1_000_000;
        const digits = megabytes < 10 ? 1 : 0;
        return new Intl.NumberFormat(this.language, {
            maximumFractionDigits: digits,
            style: 'unit',
            unit: 'megabyte',
        }).format(megabytes);
    }

    private write(at: number, options: Intl.DateTimeFormatOptions): string {
        return this.format(options).format(at);
    }

    private format(options: Intl.DateTimeFormatOptions, language = this.language): Intl.DateTimeFormat {
        const key = language + JSON.stringify(options);
        let format = this.made.get(key);
        if (!format) {
            format = zoned(language, options, this.zone);
            this.made.set(key, format);
        }
        return format;
    }
}

/** A zone that this browser does not know must not take the screen away: its own zone is shown then. */
function zoned(language: string, options: Intl.DateTimeFormatOptions, timeZone: string): Intl.DateTimeFormat {
    try {
        return new Intl.DateTimeFormat(language, timeZone ? { ...options, timeZone } : options);
    } catch {
        return new Intl.DateTimeFormat(language, options);
    }
}

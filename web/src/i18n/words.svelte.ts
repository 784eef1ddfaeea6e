import { IntlMessageFormat } from 'intl-messageformat';
import { Formats } from './format';
import english from './messages/en.json';

export type Key = keyof typeof english;
type Values = Record<string, string | number | boolean>;
type Messages = Record<string, string>;

/** Any file beside `en.json` is a language. It is loaded when somebody chooses it. */
const files = import.meta.glob<Messages>('./messages/*.json', { import: 'default' });
const tagOf = (path: string) => path.replace(/^.*\/(.+)\.json$/, '$1');

export const languages: string[] = Object.keys(files).map(tagOf).sort();

/** The language's own name for itself. */
export function nameOf(tag: string): string {
    const name = new Intl.DisplayNames([tag], { type: 'language' }).of(tag) ?? tag;
    return name.charAt(0).toLocaleUpperCase(tag) + name.slice(1);
}

class Words {
    language = $state('en');
    zone = $state('');
    private messages = $state.raw<Messages>(english);
    private made = new Map<string, IntlMessageFormat>();
    readonly formats = $derived(new Formats(this.language, this.zone));

    /** The first of the wishes that there is a file for. */
    static choose(wishes: readonly string[]): string {
        const found = wishes.map((wish) => languages.find((tag) => tag === wish || tag === wish.split('-')[0]));
        return found.find((tag) => tag !== undefined) ?? 'en';
    }

    async use(tag: string): Promise<void> {
        const load = files[`./messages/${tag}.json`];
        if (!load) return;
        const messages = await load();
        this.made = new Map();
        this.messages = messages;
        this.language = tag;
        document.documentElement.lang = tag;
    }

    /**
     * Writes something that every screen has, for nobody: browsers take tens of milliseconds for the first time that they write
     * as a language does (50 of the 140 ms in which a door was drawn; November 2026).
     */
    warm(): void {
        const now = Date.now();
        this.say('fresh.since', { time: this.formats.near(now, now) });
        this.say('fresh.unsent', { count: 1 });
    }

    say(key: Key, values?: Values): string {
        const text = this.messages[key] ?? english[key];
        if (!values && !text.includes('{')) return text;
        let message = this.made.get(key);
        if (!message) {
            message = new IntlMessageFormat(text, this.language, undefined, { ignoreTag: true });
            this.made.set(key, message);
        }
        return String(message.format(values));
    }

    has(key: string): key is Key {
        return key in english;
    }
}

export const words = new Words();
export const chooseLanguage = Words.choose;
export const t = (key: Key, values?: Values): string => words.say(key, values);
/** A key put together from a part that is known to be one of a list (`verdict.admitted`). */
export const tk = (prefix: string, name: string, fallback: Key): string => {
    const key = `${prefix}.${name}`;
    return t(words.has(key) ? key : fallback);
};

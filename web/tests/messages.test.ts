import { readdirSync, readFileSync } from 'node:fs';
import { parse, type MessageFormatElement } from '@formatjs/icu-messageformat-parser';
import { describe, expect, test } from 'vitest';

const folder = new URL('../src/i18n/messages/', import.meta.url);
const read = (file: string) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Record<string, string>;
const english = read('en.json');
const others = readdirSync(folder).filter((file) => file !== 'en.json');

/** What a message takes, and which plural forms it has. */
function shape(
    elements: MessageFormatElement[],
    found = { values: new Set<string>(), plurals: new Map<string, string[]>() },
) {
    for (const element of elements) {
        if ('value' in element && element.type !== 0) found.values.add(String(element.value));
        if ('options' in element) {
            const name = String(element.value);
            const forms = Object.keys(element.options).filter((form) => !form.startsWith('='));
            if ('offset' in element) found.plurals.set(name, forms);
            for (const { value } of Object.values(element.options)) shape(value, found);
        }
    }
    return found;
}

describe.each(others)('%s', (file) => {
    const language = file.replace('.json', '');
    const messages = read(file);

    test('has every message of English and no other', () => {
        expect(Object.keys(messages).sort()).toEqual(Object.keys(english).sort());
    });

    test.each(Object.keys(english))('%s takes the same values', (key) => {
        const [theirs, ours] = [shape(parse(english[key] ?? '')), shape(parse(messages[key] ?? ''))];
        expect([...ours.values].sort()).toEqual([...theirs.values].sort());
    });

    test('has every plural form of the language wherever something is counted', () => {
        const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
        for (const [key, text] of Object.entries(messages)) {
            for (const [, has] of shape(parse(text)).plurals) {
                expect(has.sort(), key).toEqual([...forms].sort());
            }
        }
    });
});

test('English has its plural forms', () => {
    for (const [key, text] of Object.entries(english)) {
        for (const [, has] of shape(parse(text)).plurals) expect(has.sort(), key).toEqual(['one', 'other']);
    }
});

test('every key that is written in the code is a message', () => {
    const source = new URL('../src/', import.meta.url);
    const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((path) =>
        /\.(svelte|ts)$/.test(path),
    );
    const used = files.flatMap((path) => {
        const text = readFileSync(new URL(path, source), 'utf8');
        return [...text.matchAll(/\bt\('([a-z0-9_.]+)'/g)].map((match) => match[1] ?? '');
    });
    expect(used.length).toBeGreaterThan(200);
    for (const key of used) expect(english, key).toHaveProperty([key]);
});

import type { Attendee, Registration } from '../api';

/** The same numbers for the same seed, so that pictures of screens can be compared. */
export function dice(seed: number): () => number {
    let state = seed;
    return () => {
        state = (state * 1664525 + 1013904223) % 4294967296;
        return state / 4294967296;
    };
}

const given = [
    'Jānis',
    'Anna',
    'Mārtiņš',
    'Līga',
    'Edgars',
    'Ilze',
    'Kristaps',
    'Žanete',
    'Gunārs',
    'Ērika',
    'Rūta',
    'Tomas',
    'Agnieszka',
    'Søren',
    'Marie-Claire',
    'Óscar',
    'Niamh',
    'Kamil',
    'Jürgen',
    'Aino',
];
const family = [
    'Bērziņš',
    'Kalniņa',
    'Ozols',
    'Šķēle',
    'Liepiņa',
    'Grāvītis',
    'Vītoliņš',
    'Kļaviņa',
    'Čakste',
    'Zālīte',
    'Petrauskas',
    'Wiśniewska-Kowalczyk',
    'Nørgaard',
    'de la Fuente',
    'Müller-Lüdenscheidt',
    'Virtanen',
    'Andrews',
    "O'Sullivan",
];
const organisations = [
    'Rīgas Austrumu klīniskā universitātes slimnīca',
    'Tartu Ülikool',
    'Bristol School of Nursing',
    'Cēsu veselības centrs',
    'Kauno klinikos',
    'Universität Heidelberg',
    '',
    'Regionalne Laboratorium Diagnostyczne w Lublinie',
];
const categories = ['Delegate', 'Delegate', 'Delegate', 'Delegate', 'Speaker', 'Press', 'Exhibitor', 'Student'];

const unusual: { code: string; has: (attendee: Attendee) => boolean }[] = [
    { code: 'UNPAID', has: ({ registration }) => registration === 'unpaid' },
    { code: 'BLOCKED', has: ({ registration }) => registration === 'blocked' },
    { code: 'PRESS', has: ({ category, registration }) => category === 'Press' && registration === 'confirmed' },
];

export interface Person {
    id: string;
    code: string;
    attendee: Attendee;
}

export function person(index: number, random: () => number): Person {
    const pick = <T>(list: T[]): T => list[Math.floor(random() * list.length)] as T;
    const luck = random();
    const registration: Registration =
        luck < 0.02 ? 'unpaid' : luck < 0.04 ? 'cancelled' : luck < 0.045 ? 'blocked' : 'confirmed';
    return {
        id: `a${index.toString().padStart(15, '0')}`,
        code: `T-${index.toString().padStart(4, '0')}`,
        attendee: {
            name: `${pick(given)} ${pick(family)}`,
            organisation: pick(organisations),
            category: pick(categories),
            registration,
            order: `R${Math.floor(index / 3)}`,
            notes: index % 29 === 7 ? 'Wheelchair: please show the lift at the left' : '',
            attention: index % 29 === 7,
            validFrom: null,
            validUntil: null,
            language: index % 2 ? 'lv' : 'en',
        },
    };
}

export function people(count: number): Person[] {
    const random = dice(7);
    const all = Array.from({ length: count }, (_, index) => person(index, random));
    const first = all[0];
    if (first)
        first.attendee = { ...first.attendee, name: 'Jānis Bērziņš', category: 'Delegate', registration: 'confirmed' };
    // Some that can be asked for by name of what is unusual about them.
    for (const { code, has } of unusual) {
        const one = all.find(({ attendee }) => has(attendee));
        if (one) one.code = code;
    }
    return all;
}

import type { Checkpoint, Event, ItemKind, Logistics, Room, Session } from '../api';

/** Half past nine in Rīga on the first day: the clock of the tests of screens stands here, too. */
export const NOW = Date.parse('2027-05-20T09:40:00+03:00');
const at = (time: string) => Date.parse(`2027-05-20T${time}:00+03:00`);

export const event: Event = {
    name: 'Baltic Health Informatics Days 2027',
    acronym: 'BHID',
    subtitle: '',
    goals: '',
    format: 'on_site',
    venue: 'Kongresu nams',
    city: 'Rīga',
    startsAt: at('00:00'),
    endsAt: at('00:00') + 2 * 86_400_000,
    timeZone: 'Europe/Riga',
    dayStartsMin: 240,
    programDayStartsMin: 240,
    baseUrl: '',
    programVersion: '1.2',
    languages: ['lv', 'en'],
    currency: 'EUR',
};

const plain: Omit<Checkpoint, 'id' | 'name' | 'kind' | 'rule'> = {
    session: null,
    categories: [],
    validFrom: null,
    validUntil: null,
    questions: [],
    capacity: null,
    admitsUnpaid: false,
};

export const checkpoints: Checkpoint[] = [
    { ...plain, id: 'c000000000000001', name: 'Main entrance', kind: 'entrance', rule: 'once_per_day', capacity: 1200 },
    {
        ...plain,
        id: 'c000000000000002',
        name: 'Workshop: Reading a ward at night',
        kind: 'session',
        rule: 'once',
        session: 's000000000000003',
        capacity: 40,
        questions: [
            {
                id: 'q1',
                text: 'Did they bring a laptop?',
                answer: 'yes_no',
                choices: [],
                required: true,
                categories: [],
            },
            {
                id: 'q2',
                text: 'Language of the handout',
                answer: 'choice',
                choices: ['Latviešu', 'English'],
                required: true,
                categories: [],
            },
            {
                id: 'q3',
                text: 'Anything the tutor should know?',
                answer: 'text',
                choices: [],
                required: false,
                categories: [],
            },
        ],
    },
    {
        ...plain,
        id: 'c000000000000003',
        name: 'Gala dinner',
        kind: 'meal',
        rule: 'once',
        categories: ['Speaker', 'Delegate'],
        validFrom: at('18:30'),
    },
];

export const rooms: Room[] = [
    { id: 'r1', name: 'Lielā zāle', capacity: 600, equipment: ['Stage', '2 projectors'], floor: '1' },
    { id: 'r2', name: 'Dzintars', capacity: 220, equipment: ['Projector'], floor: '1' },
    { id: 'r3', name: 'Daugava', capacity: 160, equipment: ['Projector'], floor: '2' },
    { id: 'r4', name: 'Gauja', capacity: 120, equipment: [], floor: '2' },
];

const talks: [string, string, number, number, string[]][] = [
    ['Opening: two days, one health', '10:00', 30, 0, ['Ilze Kalnbērza']],
    [
        'The ward at three in the morning: what night nurses want from a patient record, and what they get',
        '09:50',
        45,
        1,
        ['Mārtiņš Grāvītis', 'Una Kurpniece'],
    ],
    ['Workshop: Reading a ward at night', '10:15', 90, 2, ['Dace Ozolniece']],
    ['Codes that survive a move', '09:15', 60, 3, ['Jānis Vītoliņš']],
    ['Coffee', '11:00', 30, 0, []],
    ['Registers without registrars', '11:30', 45, 1, ['Marie-Claire de la Fuente']],
    ['Panel: who owns a heartbeat?', '12:00', 60, 0, ['Ilze Kalnbērza', 'Søren Nørgaard', 'Aino Virtanen']],
    ['Cold chain, warm data', '13:30', 45, 3, ['Tomas Petrauskas']],
];

export const sessions: Session[] = talks.map(([title, start, minutes, room, names], index) => ({
    id: `s${(index + 1).toString().padStart(15, '0')}`,
    title,
    subtitle: '',
    startsAt: at(start),
    endsAt: at(start) + minutes * 60_000,
    durationMin: minutes,
    room: rooms[room]?.id ?? null,
    roomName: rooms[room]?.name ?? '',
    track: null,
    kind: index === 2 ? 'workshop' : 'talk',
    language: 'en',
    abstractText: '',
    description: '',
    presenters: names.map((name) => `p-${name}`),
    presenterNames: names,
    links: [],
    attachments: [],
    url: '',
    recordingOptout: index === 1,
    cancelled: false,
}));

export const template: { id: string; label: string; kind: ItemKind; beforeMin: number }[] = [
    { id: 'i1', label: 'Projector and screen', kind: 'av', beforeMin: 30 },
    { id: 'i2', label: 'Microphones with fresh batteries', kind: 'av', beforeMin: 20 },
    { id: 'i3', label: 'Chairs as planned', kind: 'seating', beforeMin: 30 },
    { id: 'i4', label: 'Water for the presenters', kind: 'water', beforeMin: 10 },
    { id: 'i5', label: 'Name plates', kind: 'materials', beforeMin: 10 },
    { id: 'i6', label: 'Sign at the door', kind: 'signage', beforeMin: 10 },
];

export const logistics: Logistics = {
    travel: [
        {
            id: 'l1',
            mode: 'bus',
            number: '7312',
            origin: 'Liepāja',
            destination: 'Rīga',
            departsAt: at('06:10') - 86_400_000,
            arrivesAt: at('09:40') - 86_400_000,
            booking: 'K3QX7P',
            notes: '',
        },
        {
            id: 'l2',
            mode: 'bus',
            number: '7313',
            origin: 'Rīga',
            destination: 'Liepāja',
            departsAt: at('19:15') + 86_400_000,
            arrivesAt: null,
            booking: 'K3QX7P',
            notes: 'Platform 4',
        },
    ],
    hotels: [
        {
            id: 'l3',
            hotel: 'Hotel Kaija',
            address: 'Elizabetes iela 101, Rīga',
            phone: '+44 7700 900199',
            startsAt: at('00:00') - 86_400_000,
            endsAt: at('00:00') + 86_400_000,
            confirmation: '7V5ZA4GA',
            notes: 'Breakfast is included',
        },
    ],
    honorarium: {
        amountCents: 35000,
        currency: 'EUR',
        state: 'invoiced',
        paidAt: null,
        notes: 'Tax form still missing',
    },
    aids: [
        { id: 'l4', name: 'Flip chart and pens for each table', count: 6, confirmed: true, notes: '' },
        { id: 'l5', name: 'Table microphone', count: 1, confirmed: false, notes: '' },
    ],
    needs: { aids: 'A stool', dietary: 'No nuts', access: '', notes: '' },
    needsDurability: 'on_server',
    contacts: [
        { id: 'l6', role: 'host', name: 'Līga Zālīte', phone: '+44 7700 900111', email: 'liga.zalite@example.com' },
        { id: 'l7', role: 'driver', name: 'Gunārs Ozols', phone: '+44 7700 900112', email: '' },
    ],
};

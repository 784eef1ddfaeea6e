/**
 * What the core tells and takes: the records of `mobile-ffi`, by the same names.
 *
 * How Rust becomes TypeScript: ids are texts; times are milliseconds since 1970 in UTC; `Option` is `| null`; a field
 * `starts_at` is `startsAt`; an enum without fields is its name in snake case (`"on_server"`); one with fields is an
 * object with `type` and the fields.
 */

export type EventId = string;
export type DeviceId = string;
export type AttendeeId = string;
export type CheckpointId = string;
export type FactId = string;
export type SessionId = string;
export type RoomId = string;
export type TrackId = string;
export type PresenterId = string;
export type ItemId = string;
export type QuestionId = string;
export type LogisticsId = string;
export type ServerId = string;
export type DocRef = string;
export type Timestamp = number;

// The event, and who this device is in it.

export type Role =
    { type: 'coordinator' } | { type: 'finance' } | { type: 'staff' } | { type: 'presenter'; presenter: PresenterId };

export interface Me {
    event: EventId;
    device: DeviceId;
    role: Role;
}

export type Format = 'on_site' | 'hybrid' | 'remote';

export interface Event {
    name: string;
    acronym: string;
    subtitle: string;
    goals: string;
    format: Format;
    venue: string;
    city: string;
    startsAt: Timestamp;
    endsAt: Timestamp;
    /** The zone its times are shown in, by its name in the IANA database. */
    timeZone: string;
    dayStartsMin: number;
    programDayStartsMin: number;
    baseUrl: string;
    programVersion: string;
    languages: string[];
    currency: string;
}

// Attendees.

export type Registration = 'confirmed' | 'unpaid' | 'cancelled' | 'blocked';
export type Durability = 'on_this_phone' | 'on_server';

export interface Attendee {
    name: string;
    organisation: string;
    category: string;
    registration: Registration;
    order: string;
    notes: string;
    attention: boolean;
    validFrom: Timestamp | null;
    validUntil: Timestamp | null;
    language: string;
}

export interface CardFact {
    fact: Fact;
    stands: boolean;
    durability: Durability | null;
}

export interface AttendeeCard {
    id: AttendeeId;
    attendee: Attendee;
    walkIn: FactId | null;
    facts: CardFact[];
    /** Others of the same order. */
    group: AttendeeId[];
}

export interface SearchHit {
    id: AttendeeId;
    attendee: Attendee;
    inside: CheckpointId[];
}

// Checkpoints.

export type CheckpointKind = 'entrance' | 'session' | 'meal' | 'custom';
export type AdmissionRule = 'once' | 'once_per_day' | 'many' | 'entry_and_exit';
export type AnswerKind = 'text' | 'yes_no' | 'choice' | 'number';

export interface Question {
    id: QuestionId;
    text: string;
    answer: AnswerKind;
    choices: string[];
    required: boolean;
    categories: string[];
}

export interface Checkpoint {
    id: CheckpointId;
    name: string;
    kind: CheckpointKind;
    session: SessionId | null;
    /** Which categories it admits; all, if empty. */
    categories: string[];
    rule: AdmissionRule;
    validFrom: Timestamp | null;
    validUntil: Timestamp | null;
    questions: Question[];
    capacity: number | null;
    admitsUnpaid: boolean;
}

export interface Count {
    admitted: number;
    inside: number;
    admissions: number;
    extraInside: number;
}

export interface CategoryCount {
    category: string;
    count: Count;
}

export interface Counts {
    total: Count;
    byCategory: CategoryCount[];
}

export interface DoubleAdmission {
    attendee: AttendeeId;
    card: Attendee | null;
    checkpoint: CheckpointId;
    admissions: Fact[];
    settledBy: FactId | null;
    found: ResolutionKind | null;
    note: string;
}

// Facts.

export type EntryVia = 'scan' | 'search' | 'group';
export type ResolutionKind = 'same_person' | 'second_admitted' | 'second_removed';
export type ItemState = 'ok' | 'problem' | 'not_needed';
export type Severity = 'notice' | 'urgent' | 'emergency';

export interface Skew {
    ms: number;
    ageMs: number;
}

export interface Fact {
    id: FactId;
    device: DeviceId;
    at: Timestamp;
    correctedAt: Timestamp;
    skew: Skew | null;
    by: string;
    body: FactBody;
}

export type FactBody =
    | {
          type: 'entry';
          attendee: AttendeeId;
          checkpoint: CheckpointId;
          via: EntryVia;
          answers: Answers;
          despite: string;
      }
    | { type: 'exit'; attendee: AttendeeId; checkpoint: CheckpointId }
    | { type: 'undo'; fact: FactId; reason: string }
    | {
          type: 'walk_in';
          attendee: AttendeeId;
          checkpoint: CheckpointId;
          name: string;
          organisation: string;
          category: string;
      }
    | {
          type: 'resolution';
          attendee: AttendeeId;
          checkpoint: CheckpointId;
          facts: FactId[];
          found: ResolutionKind;
          note: string;
      }
    | { type: 'observation'; session: SessionId; item: ItemId; state: ItemState; note: string }
    | { type: 'incident'; room: RoomId | null; session: SessionId | null; severity: Severity; text: string }
    | { type: 'arrival'; presenter: PresenterId; own: boolean }
    | { type: 'unknown' };

// What a scan came to.

export type Verdict =
    | { type: 'admitted' }
    | { type: 'already_in'; at: Timestamp; checkpoint: CheckpointId; device: DeviceId; fact: FactId }
    | { type: 'unknown' }
    | { type: 'cancelled' }
    | { type: 'unpaid' }
    | { type: 'blocked' }
    | { type: 'revoked' }
    | { type: 'wrong_category'; category: string; admits: string[] }
    | { type: 'too_early'; admitsFrom: Timestamp }
    | { type: 'too_late'; admittedUntil: Timestamp }
    | { type: 'wrong_event' }
    | { type: 'answers_required'; questions: Question[] }
    | { type: 'ambiguous'; candidates: AttendeeId[] }
    | { type: 'bad_signature' }
    | { type: 'unknown_key' }
    | { type: 'rules'; reasons: string[] }
    | { type: 'rules_unreadable' };

export interface Bearer {
    attendee: AttendeeId;
    category: string;
    validFrom: Timestamp | null;
    validUntil: Timestamp | null;
}

export interface Recorded {
    fact: FactId;
    durability: Durability;
    attendee: AttendeeId | null;
}

export interface ScanResult {
    verdict: Verdict;
    code: string;
    recorded: Recorded | null;
    card: AttendeeCard | null;
    bearer: Bearer | null;
    repeated: boolean;
}

// What is recorded.

/** What was answered at the door, by question. */
export type Answers = Record<QuestionId, string>;

export interface CheckIn {
    checkpoint: CheckpointId;
    attendee: AttendeeId;
    via: EntryVia;
    answers?: Answers;
    /** Why staff admit them whatever the verdict; empty to follow the verdict. */
    despite?: string;
}

export interface NewWalkIn {
    checkpoint: CheckpointId;
    name: string;
    organisation?: string;
    category?: string;
}

export interface Settle {
    attendee: AttendeeId;
    checkpoint: CheckpointId;
    found: ResolutionKind;
    admissions?: FactId[];
    note?: string;
}

export interface NewIncident {
    text: string;
    severity: Severity;
    room?: RoomId | null;
    session?: SessionId | null;
}

// The programme and its rooms.

export interface Room {
    id: RoomId;
    name: string;
    capacity: number | null;
    equipment: string[];
    floor: string;
}

export interface WebLink {
    title: string;
    url: string;
    kind: string;
}

export interface Session {
    id: SessionId;
    title: string;
    subtitle: string;
    startsAt: Timestamp;
    endsAt: Timestamp;
    durationMin: number;
    room: RoomId | null;
    roomName: string;
    track: TrackId | null;
    kind: string;
    language: string;
    abstractText: string;
    description: string;
    presenters: PresenterId[];
    presenterNames: string[];
    links: WebLink[];
    attachments: WebLink[];
    url: string;
    recordingOptout: boolean;
    cancelled: boolean;
}

export interface PresenterProfile {
    name: string;
    organisation: string;
    biography: string;
    avatar: string;
    url: string;
}

export interface SessionFilter {
    room?: RoomId | null;
    startsFrom?: Timestamp | null;
    startsBefore?: Timestamp | null;
}

export type ItemKind = 'av' | 'seating' | 'water' | 'materials' | 'signage' | 'capacity' | 'other';
export type ReadinessState = 'not_started' | 'under_way' | 'ready' | 'problem' | 'overdue';

export interface LastLook {
    fact: FactId;
    state: ItemState;
    note: string;
}

export interface ChecklistItem {
    id: ItemId;
    label: string;
    kind: ItemKind;
    dueAt: Timestamp;
    last: LastLook | null;
    overdue: boolean;
}

export interface BoardRow {
    session: Session;
    state: ReadinessState;
    deadline: Timestamp | null;
    done: number;
    items: ChecklistItem[];
}

export interface Incident {
    fact: Fact;
    room: RoomId | null;
    roomName: string;
    session: SessionId | null;
    severity: Severity;
    text: string;
}

export interface Arrival {
    presenter: PresenterId;
    profile: PresenterProfile | null;
    arrival: Fact | null;
}

// A presenter's logistics.

export type TravelMode = 'flight' | 'train' | 'bus' | 'ferry' | 'car' | 'transfer';
export type HonorariumState = 'agreed' | 'invoiced' | 'approved' | 'paid' | 'waived';

export interface TravelLeg {
    id: LogisticsId;
    mode: TravelMode;
    number: string;
    origin: string;
    destination: string;
    departsAt: Timestamp | null;
    arrivesAt: Timestamp | null;
    booking: string;
    notes: string;
}

export interface HotelStay {
    id: LogisticsId;
    hotel: string;
    address: string;
    phone: string;
    startsAt: Timestamp | null;
    endsAt: Timestamp | null;
    confirmation: string;
    notes: string;
}

export interface Honorarium {
    amountCents: number;
    currency: string;
    state: HonorariumState;
    paidAt: Timestamp | null;
    notes: string;
}

export interface Aid {
    id: LogisticsId;
    name: string;
    count: number;
    confirmed: boolean;
    notes: string;
}

export interface Needs {
    aids: string;
    dietary: string;
    access: string;
    notes: string;
}

export interface LogisticsContact {
    id: LogisticsId;
    /** What they are to the presenter: "self", "host", "driver". */
    role: string;
    name: string;
    phone: string;
    email: string;
}

export interface Logistics {
    travel: TravelLeg[];
    hotels: HotelStay[];
    honorarium: Honorarium | null;
    aids: Aid[];
    needs: Needs | null;
    contacts: LogisticsContact[];
}

// How this phone stands with the others.

export type LinkState =
    | { type: 'stopped' }
    | { type: 'connecting' }
    | { type: 'connected' }
    | { type: 'waiting'; retryAt: Timestamp }
    | { type: 'unauthorized' };

export interface ServerStatus {
    server: ServerId;
    url: string;
    link: LinkState;
    lastContact: Timestamp | null;
    factsNotThere: number;
}

export interface DeviceStatus {
    device: DeviceId;
    by: string;
    lastFactAt: Timestamp;
    receivedAt: Timestamp;
}

export interface ParkedDocument {
    document: DocRef;
    server: ServerId;
    code: string;
    facts: number;
    since: Timestamp;
}

export interface UnusableDocument {
    document: DocRef;
    code: string;
    remedy: string;
}

export type Standing = 'good' | 'pending' | 'lease_ended' | 'revoked' | 'forgotten';

export interface Status {
    enrolled: boolean;
    label: string;
    standing: Standing;
    keptFacts: number;
    servers: ServerStatus[];
    devices: DeviceStatus[];
    parked: ParkedDocument[];
    unusable: UnusableDocument[];
    missing: DocRef[];
    indexing: boolean;
}

export type Topic =
    | 'event'
    | 'program'
    | 'attendees'
    | 'checkins'
    | 'double_admissions'
    | 'readiness'
    | 'incidents'
    | 'arrivals'
    | 'logistics'
    | 'status';

export type RetryClass = 'transient' | 'needs_network' | 'needs_user' | 'permanent';

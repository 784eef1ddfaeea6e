// Made from web/wasm by `cargo xtask web`; not to be edited by hand.

/**
 * How often an attendee is admitted.
 */
export type AdmissionRule = "once" | "once_per_day" | "many" | "entry_and_exit";

/**
 * A thing the presenter presents with.
 */
export interface Aid {
    /**
     * The id.
     */
    id: LogisticsId;
    /**
     * What it is.
     */
    name: string;
    /**
     * How many.
     */
    count: number;
    /**
     * Whether it has been promised.
     */
    confirmed: boolean;
    /**
     * Anything else worth knowing.
     */
    notes: string;
}

/**
 * How a question is answered.
 */
export type AnswerKind = "text" | "yes_no" | "choice" | "number";

/**
 * What was answered at the door, by question.
 */
export type Answers = Record<QuestionId, string>;

/**
 * A presenter and whether they are here.
 */
export interface Arrival {
    /**
     * The presenter.
     */
    presenter: PresenterId;
    /**
     * Their public profile, if the programme is here.
     */
    profile: PresenterProfile | null;
    /**
     * The first standing fact that says they are here.
     */
    arrival: Fact | null;
}

/**
 * What a door needs to know of an attendee, and no more. Of tickets a phone holds only hashes, and an app has no use for
 * those.
 */
export interface Attendee {
    /**
     * The name on the badge.
     */
    name: string;
    /**
     * The organisation on the badge.
     */
    organisation: string;
    /**
     * What kind of attendee: "Delegate", "Press"...
     */
    category: string;
    /**
     * Whether the registration stands.
     */
    registration: Registration;
    /**
     * The order the ticket was bought in.
     */
    order: string;
    /**
     * What staff at the door should know.
     */
    notes: string;
    /**
     * Whether staff should be made to look at the notes.
     */
    attention: boolean;
    /**
     * From when the ticket is good.
     */
    validFrom: Timestamp | null;
    /**
     * Until when the ticket is good.
     */
    validUntil: Timestamp | null;
    /**
     * BCP 47 tag of the language they prefer.
     */
    language: string;
}

/**
 * An attendee with the facts about them.
 */
export interface AttendeeCard {
    /**
     * The id.
     */
    id: AttendeeId;
    /**
     * What the door needs to know.
     */
    attendee: Attendee;
    /**
     * The fact that registered them at the door, if one did.
     */
    walkIn: FactId | null;
    /**
     * The facts about them, undos included, in their order.
     */
    facts: CardFact[];
    /**
     * Others of the same order.
     */
    group: AttendeeId[];
}

/**
 * An edit of an attendee.
 */
export type AttendeeEdit = { type: "name"; value: string } | { type: "organisation"; value: string } | { type: "category"; value: string } | { type: "registration"; value: Registration } | { type: "notes"; value: string } | { type: "attention"; value: boolean };

/**
 * Edits of one record, in the order in which they are made.
 */
export type AttendeeEdits = AttendeeEdit[];

export type AttendeeId = string;

/**
 * What a signed ticket says of an attendee who is not known on this phone.
 */
export interface Bearer {
    /**
     * The id that their check-ins are recorded under; `exit` and `settle` take it.
     */
    attendee: AttendeeId;
    /**
     * What kind of attendee the ticket is for, as far as its name is known here.
     */
    category: string;
    /**
     * From when it is good.
     */
    validFrom: Timestamp | null;
    /**
     * Until when it is good.
     */
    validUntil: Timestamp | null;
}

/**
 * A session on the readiness board.
 */
export interface BoardRow {
    /**
     * The session.
     */
    session: Session;
    /**
     * How far its room is.
     */
    state: ReadinessState;
    /**
     * When the next thing to do is due; none if nothing is left to do.
     */
    deadline: Timestamp | null;
    /**
     * How many items need no more work.
     */
    done: number;
    /**
     * The items, in the order in which they are due.
     */
    items: ChecklistItem[];
}

/**
 * A fact on an attendee's card.
 */
export interface CardFact {
    /**
     * The fact.
     */
    fact: Fact;
    /**
     * Whether it stands: it was not taken back.
     */
    stands: boolean;
    /**
     * Where it is by now; none for another device's, which this phone only heard of.
     */
    durability: Durability | null;
}

/**
 * The counts of a category.
 */
export interface CategoryCount {
    /**
     * The category.
     */
    category: string;
    /**
     * Its counts.
     */
    count: Count;
}

/**
 * An attendee found by name, or of the same order, is to be checked in.
 */
export interface CheckIn {
    /**
     * Where.
     */
    checkpoint: CheckpointId;
    /**
     * Who.
     */
    attendee: AttendeeId;
    /**
     * How staff know who it is.
     */
    via: EntryVia;
    /**
     * What was answered already.
     */
    answers?: Answers;
    /**
     * Why staff admit them whatever the verdict; empty to follow the verdict.
     */
    despite?: string;
}

/**
 * An item of a session's checklist, and how far it is.
 */
export interface ChecklistItem {
    /**
     * Its id.
     */
    id: ItemId;
    /**
     * What is to be looked at, in the words of the crew.
     */
    label: string;
    /**
     * What it is about.
     */
    kind: ItemKind;
    /**
     * When it is due.
     */
    dueAt: Timestamp;
    /**
     * The last look at it; none if nobody has looked.
     */
    last: LastLook | null;
    /**
     * Whether it was due and has not been looked at.
     */
    overdue: boolean;
}

/**
 * A place where attendees are checked in. Several gates may serve one.
 */
export interface Checkpoint {
    /**
     * The id.
     */
    id: CheckpointId;
    /**
     * Its name.
     */
    name: string;
    /**
     * What it stands in front of.
     */
    kind: CheckpointKind;
    /**
     * The session it stands in front of.
     */
    session: SessionId | null;
    /**
     * Which categories it admits; all, if empty.
     */
    categories: string[];
    /**
     * How often it admits an attendee.
     */
    rule: AdmissionRule;
    /**
     * From when it admits.
     */
    validFrom: Timestamp | null;
    /**
     * Until when it admits.
     */
    validUntil: Timestamp | null;
    /**
     * What is asked there.
     */
    questions: Question[];
    /**
     * How many people fit behind it.
     */
    capacity: number | null;
    /**
     * Whether those who have not paid are let in.
     */
    admitsUnpaid: boolean;
}

/**
 * An edit of a checkpoint.
 */
export type CheckpointEdit = { type: "name"; value: string } | { type: "capacity"; value: number | null } | { type: "rule"; value: AdmissionRule } | { type: "valid_from"; value: Timestamp | null } | { type: "valid_until"; value: Timestamp | null } | { type: "admits_unpaid"; value: boolean };

/**
 * Edits of one record, in the order in which they are made.
 */
export type CheckpointEdits = CheckpointEdit[];

export type CheckpointId = string;

/**
 * What a checkpoint stands in front of.
 */
export type CheckpointKind = "entrance" | "session" | "meal" | "custom";

/**
 * One of the values of a [`Conflict`].
 */
export interface Choice {
    /**
     * The document.
     */
    document: DocRef;
    /**
     * The collection that the record is in.
     */
    collection: string;
    /**
     * The record's key.
     */
    key: string;
    /**
     * The field.
     */
    field: string;
    /**
     * The value's id.
     */
    value: string;
}

/**
 * A phone's whole state behind one handle, for one worker.
 *
 * Every call that records something returns when it is on disk. None waits for a network.
 */
export class Client {
  private constructor();
  free(): void;
  [Symbol.dispose](): void;
  /**
   * What to show the server with a request over HTTP; none while there is none that is good.
   *
   * # Errors
   * If the store fails.
   */
  accessToken(): string | undefined;
  /**
   * A server answered what it was asked; status 0 for no answer.
   */
  answered(question: number, status: number, body: string): void;
  /**
   * Presenters and whether they are here.
   *
   * # Errors
   * See above.
   */
  arrivals(): Arrival[];
  /**
   * A presenter is here: they say so themselves (a presenter's device), or staff saw them.
   *
   * # Errors
   * `not_allowed`.
   */
  arrive(presenter: string): Recorded;
  /**
   * An attendee with the facts about them.
   *
   * # Errors
   * `attendee_unknown`.
   */
  attendee(attendee: string): AttendeeCard;
  /**
   * Checks in an attendee found by name, or of the same order.
   *
   * # Errors
   * `checkpoint_unknown`, `attendee_unknown`, `text_too_long`.
   */
  checkIn(wish: CheckIn): ScanResult;
  /**
   * The checklist of a session.
   *
   * # Errors
   * `session_unknown`.
   */
  checklist(session: string): BoardRow;
  /**
   * The checkpoints, in their order.
   *
   * # Errors
   * See above.
   */
  checkpoints(): Checkpoint[];
  /**
   * Chooses one of the values that a field was given at once; it says that, and nothing else any more.
   *
   * # Errors
   * `conflict_unknown` if there is nothing to choose between any more.
   */
  choose(choice: Choice): boolean;
  /**
   * Fields that several people gave different values at once, for those who may choose one.
   *
   * # Errors
   * See above.
   */
  conflicts(): Conflict[];
  /**
   * The counts of a checkpoint, with what this phone knows.
   *
   * # Errors
   * See above.
   */
  counts(checkpoint: string): Counts;
  /**
   * All double admissions: open ones first.
   *
   * # Errors
   * See above.
   */
  doubleAdmissions(): DoubleAdmission[];
  /**
   * Edits fields of an attendee; one who registered at the door gets a record with it. What is not named stays as it is. Says whether anything differed.
   *
   * # Errors
   * `attendee_unknown`, `text_missing`, `text_too_long`.
   */
  editAttendee(attendee: string, edits: AttendeeEdits): boolean;
  /**
   * Edits fields of a checkpoint. What is not named stays as it is. Says whether anything differed.
   *
   * # Errors
   * `checkpoint_unknown`, `text_missing`, `text_too_long`, `times_reversed`, `out_of_range`.
   */
  editCheckpoint(checkpoint: string, edits: CheckpointEdits): boolean;
  /**
   * Edits what a presenter needs: their own, on a presenter's device. What is not named stays as it is. Says whether anything differed.
   *
   * # Errors
   * `text_too_long`.
   */
  editNeeds(presenter: string, edits: NeedsEdits): boolean;
  /**
   * Edits fields of a room. What is not named stays as it is. Says whether anything differed.
   *
   * # Errors
   * `room_unknown`, `text_missing`, `text_too_long`, `out_of_range`.
   */
  editRoom(room: string, edits: RoomEdits): boolean;
  /**
   * Edits fields of a session. What is not named stays as it is. Says whether anything differed.
   *
   * # Errors
   * `session_unknown`, `room_unknown`, `text_missing`, `text_too_long`, `times_reversed`, `out_of_range`.
   */
  editSession(session: string, edits: SessionEdits): boolean;
  /**
   * What to ask the server to enrol this device with a link that a coordinator made; the answer goes to `enrolled`.
   *
   * # Errors
   * `enrolment_link` if it is not one.
   */
  enrolQuestion(link: string, deviceName: string): HttpQuestion;
  /**
   * What the server answered; status 0 for no answer. The device is enrolled, durably, when this returns.
   *
   * # Errors
   * `enrolment_link`, `unreachable`, `not_muster`, or the server's own code (`enrolment_code_used`...).
   */
  enrolled(link: string, deviceName: string, status: number, body: string): void;
  /**
   * The event.
   *
   * # Errors
   * See above.
   */
  event(): Event;
  /**
   * An attendee leaves.
   *
   * # Errors
   * `checkpoint_unknown`, `attendee_unknown`.
   */
  exit(checkpoint: string, attendee: string): Recorded;
  /**
   * Deletes the database, and those that were put aside. To be called when the client was let go of (`free`).
   *
   * # Errors
   * If one cannot be deleted.
   */
  static forget(config: Config): Promise<void>;
  /**
   * Incidents that were not taken back, the latest first.
   *
   * # Errors
   * See above.
   */
  incidents(): Incident[];
  /**
   * A link closed; `reason` is what the close frame said.
   */
  linkClosed(link: number, reason: string): void;
  /**
   * A binary message came.
   */
  linkFrame(link: number, bytes: Uint8Array | number[]): void;
  /**
   * A link fell silent.
   */
  linkLost(link: number): void;
  /**
   * A link could not be opened. A browser does not say why; what the same address answers over HTTP does. Status 0: it
   * does not answer.
   */
  linkNotOpened(link: number, status: number, body: string): void;
  /**
   * A text message came, which is against the protocol.
   */
  linkText(link: number): void;
  /**
   * A link that was asked for is open.
   */
  linkUp(link: number): void;
  /**
   * A presenter's logistics, for those who may read them.
   *
   * # Errors
   * `not_allowed`.
   */
  logistics(presenter: string): Logistics;
  /**
   * Who this device is; none before it is enrolled.
   *
   * # Errors
   * See above; so for all questions.
   */
  me(): Me | undefined;
  /**
   * The presenter's own logistics.
   *
   * # Errors
   * `not_allowed` on a device that is no presenter's.
   */
  myLogistics(): Logistics;
  /**
   * An item of a session's checklist was looked at.
   *
   * # Errors
   * `session_unknown`, `item_unknown`, `text_missing` if a problem has no note, `text_too_long`.
   */
  observe(session: string, item: string, state: ItemState, note?: string | null): Recorded;
  /**
   * Says again what of this device's own work a server refused (`status().parked`): a coordinator may have given its
   * rights back, or the server may be a restored one that knows nothing of it.
   *
   * # Errors
   * If the core fails.
   */
  offerAgain(): void;
  /**
   * Opens a client on a database.
   *
   * # Errors
   * `storage_unavailable` if the browser gives no place to keep it in; `storage_busy` if another worker has it;
   * `storage_damaged` if it does not read (`recoverDatabase`); `storage_newer`; `storage_full`; `storage_failed`.
   */
  static open(config: Config, shell: Shell): Promise<Client>;
  /**
   * The facts that this device recorded, in the order in which it did.
   *
   * # Errors
   * See above.
   */
  ownFacts(): Fact[];
  /**
   * What became of the damaged database, for one that was recovered.
   *
   * # Errors
   * `internal`.
   */
  putAside(): PutAside | undefined;
  /**
   * The readiness board: overdue first, then problems, then by deadline.
   *
   * # Errors
   * See above.
   */
  readinessBoard(filter?: SessionFilter | null): BoardRow[];
  /**
   * Opens a client in the place of a damaged database, which stays aside; `putAside` then has what it had not sent.
   *
   * # Errors
   * As `open`.
   */
  static recoverDatabase(config: Config, shell: Shell): Promise<Client>;
  /**
   * Something went wrong.
   *
   * # Errors
   * `text_missing`, `text_too_long`.
   */
  reportIncident(wish: NewIncident): Recorded;
  /**
   * The rooms, in their order.
   *
   * # Errors
   * See above.
   */
  rooms(): Room[];
  /**
   * A code was scanned at a checkpoint. Whoever is admitted has been checked in, durably, when this returns. `answers`
   * are those to the questions of an earlier verdict.
   *
   * # Errors
   * `checkpoint_unknown`. What is wrong with a ticket is no error but the verdict.
   */
  scan(checkpoint: string, code: string, answers?: Answers | null): ScanResult;
  /**
   * Attendees by any part of name or organisation, from two letters, or by their ticket's code; best first.
   *
   * # Errors
   * See above.
   */
  search(typed: string, limit?: number | null): SearchHit[];
  /**
   * Sessions, by start and room.
   *
   * # Errors
   * See above.
   */
  sessions(filter?: SessionFilter | null): Session[];
  /**
   * Says who works with this device; facts carry it.
   *
   * # Errors
   * `text_too_long`.
   */
  setLabel(label: string): void;
  /**
   * Settles a double admission.
   *
   * # Errors
   * `nothing_to_settle`, `text_too_long`.
   */
  settle(wish: Settle): Recorded;
  /**
   * Connects to the servers and stays connected, through every loss of network.
   *
   * # Errors
   * If the core fails.
   */
  startSync(): void;
  /**
   * How this phone stands with servers and other phones.
   *
   * # Errors
   * See above.
   */
  status(): Status;
  /**
   * Closes the links to servers and keeps them closed. Nothing else changes: this is not an "offline mode".
   *
   * # Errors
   * If the core fails.
   */
  stopSync(): void;
  /**
   * Takes a fact back, by another fact.
   *
   * # Errors
   * `fact_unknown`, `text_too_long`.
   */
  undo(fact: string, reason: string): Recorded;
  /**
   * The edits of this device that no server is known to have, in the order in which they were made.
   *
   * # Errors
   * See above.
   */
  unsentEdits(): UnsentEdit[];
  /**
   * Those of them that no server is known to have.
   *
   * # Errors
   * See above.
   */
  unsentFacts(): Fact[];
  /**
   * The time that `wakeIn` named has come.
   */
  wake(): void;
  /**
   * Registers and admits somebody who has no registration.
   *
   * # Errors
   * `checkpoint_unknown`, `text_missing` if there is no name, `text_too_long`.
   */
  walkIn(wish: NewWalkIn): Recorded;
}

/**
 * How a client is opened.
 */
export interface Config {
    /**
     * The database's name. One an event.
     */
    database: string;
    /**
     * Where it is.
     */
    storage: StorageKind;
}

/**
 * A field that several people gave different values at once: somebody has to choose one.
 */
export interface Conflict {
    /**
     * The document.
     */
    document: DocRef;
    /**
     * The collection that the record is in: `sessions`, `rooms`, `attendees`...
     */
    collection: string;
    /**
     * The record's key.
     */
    key: string;
    /**
     * The record's name or title; empty if it has none.
     */
    title: string;
    /**
     * The field.
     */
    field: string;
    /**
     * Its values, two at least; the last is the one that everybody is shown meanwhile.
     */
    values: ConflictValue[];
}

/**
 * One of the values that a field was given at once.
 */
export interface ConflictValue {
    /**
     * Names it in [`Choice`]; the same on every device.
     */
    id: string;
    /**
     * What it says.
     */
    value: FieldValue;
    /**
     * The device that wrote it. The server has an id of its own among those of devices.
     */
    device: DeviceId | null;
    /**
     * Whether that is this device.
     */
    own: boolean;
    /**
     * Who acts with that device, as far as this one has heard; else empty.
     */
    by: string;
    /**
     * When, by that device's clock, to the second.
     */
    at: Timestamp | null;
}

/**
 * Counts of people.
 */
export interface Count {
    /**
     * Attendees admitted at least once.
     */
    admitted: number;
    /**
     * Attendees whose last move was in.
     */
    inside: number;
    /**
     * Admissions in all.
     */
    admissions: number;
    /**
     * People inside beyond the attendees: second persons who came in on a ticket and may stay.
     */
    extraInside: number;
}

/**
 * The counts of a checkpoint, with what this phone knows.
 */
export interface Counts {
    /**
     * All categories together.
     */
    total: Count;
    /**
     * By category, in alphabetical order; categories that count nothing are left out.
     */
    byCategory: CategoryCount[];
}

export type DeviceId = string;

/**
 * What is known of another device.
 */
export interface DeviceStatus {
    /**
     * The device.
     */
    device: DeviceId;
    /**
     * Who acted with it last.
     */
    by: string;
    /**
     * The corrected time of the latest of its facts known here: what happened there later is not known.
     */
    lastFactAt: Timestamp;
    /**
     * When this phone got it, on this device's clock.
     */
    receivedAt: Timestamp;
}

/** A document's name, such as `checkins/00`. */
export type DocRef = string;

/**
 * One ticket, admitted more often than the checkpoint's rule allows.
 */
export interface DoubleAdmission {
    /**
     * Whose ticket it is.
     */
    attendee: AttendeeId;
    /**
     * The name and the rest, if the record is here.
     */
    card: Attendee | null;
    /**
     * Where it was admitted.
     */
    checkpoint: CheckpointId;
    /**
     * The admissions, in their order.
     */
    admissions: Fact[];
    /**
     * The fact that settled it; none while it waits for somebody.
     */
    settledBy: FactId | null;
    /**
     * What was found, once it is settled.
     */
    found: ResolutionKind | null;
    /**
     * What was noted with that.
     */
    note: string;
}

/**
 * How safe something is that this phone recorded.
 */
export type Durability = "on_this_phone" | "on_server";

/**
 * What an edit made of one field, as JSON.
 */
export interface EditedField {
    /**
     * The field.
     */
    field: string;
    /**
     * What it said.
     */
    before: string;
    /**
     * What it says now.
     */
    after: string;
}

/**
 * How staff knew who stood before them.
 */
export type EntryVia = "scan" | "search" | "group";

/**
 * An event.
 */
export interface Event {
    /**
     * The name people know it by.
     */
    name: string;
    /**
     * A short name.
     */
    acronym: string;
    /**
     * A line under the name.
     */
    subtitle: string;
    /**
     * What the organiser wants of it.
     */
    goals: string;
    /**
     * How people take part.
     */
    format: Format;
    /**
     * Where it is held.
     */
    venue: string;
    /**
     * The city it is held in.
     */
    city: string;
    /**
     * The beginning of its first day.
     */
    startsAt: Timestamp;
    /**
     * The end of its last day.
     */
    endsAt: Timestamp;
    /**
     * The zone its times are shown in, by its name in the IANA database.
     */
    timeZone: string;
    /**
     * Minutes after midnight at which a day of the event begins, for checkpoints that admit once a day.
     */
    dayStartsMin: number;
    /**
     * Minutes after midnight at which a day of the published programme begins.
     */
    programDayStartsMin: number;
    /**
     * Where the programme is published.
     */
    baseUrl: string;
    /**
     * The version of the programme, as its makers call it.
     */
    programVersion: string;
    /**
     * BCP 47 tags of the languages spoken.
     */
    languages: string[];
    /**
     * ISO 4217 code of the budget's currency.
     */
    currency: string;
}

export type EventId = string;

/**
 * A fact.
 */
export interface Fact {
    /**
     * The device and its running number.
     */
    id: FactId;
    /**
     * The device that recorded it.
     */
    device: DeviceId;
    /**
     * What the device's clock said.
     */
    at: Timestamp;
    /**
     * When it happened by the server's clock, as well as the device could know.
     */
    correctedAt: Timestamp;
    /**
     * How far the clock was off, if the device has ever met a server.
     */
    skew: Skew | null;
    /**
     * Who acted.
     */
    by: string;
    /**
     * What happened.
     */
    body: FactBody;
}

/**
 * What happened.
 */
export type FactBody = { type: "entry"; attendee: AttendeeId; checkpoint: CheckpointId; via: EntryVia; answers: Record<QuestionId, string>; despite: string } | { type: "exit"; attendee: AttendeeId; checkpoint: CheckpointId } | { type: "undo"; fact: FactId; reason: string } | { type: "walk_in"; attendee: AttendeeId; checkpoint: CheckpointId; name: string; organisation: string; category: string } | { type: "resolution"; attendee: AttendeeId; checkpoint: CheckpointId; facts: FactId[]; found: ResolutionKind; note: string } | { type: "observation"; session: SessionId; item: ItemId; state: ItemState; note: string } | { type: "incident"; room: RoomId | null; session: SessionId | null; severity: Severity; text: string } | { type: "arrival"; presenter: PresenterId; own: boolean } | { type: "unknown" };

export type FactId = string;

/**
 * What a field says.
 */
export type FieldValue = { type: "empty" } | { type: "plain"; text: string } | { type: "word"; word: string } | { type: "whole"; number: number } | { type: "flag"; flag: boolean } | { type: "time"; at: Timestamp } | { type: "room"; room: RoomId; name: string } | { type: "texts"; texts: string[] } | { type: "other"; json: string };

/**
 * How people take part.
 */
export type Format = "on_site" | "hybrid" | "remote";

/**
 * What a presenter is paid for presenting.
 */
export interface Honorarium {
    /**
     * The amount in hundredths of the currency.
     */
    amountCents: number;
    /**
     * ISO 4217 code of the currency.
     */
    currency: string;
    /**
     * How far it has come.
     */
    state: HonorariumState;
    /**
     * When it was paid.
     */
    paidAt: Timestamp | null;
    /**
     * What is still needed.
     */
    notes: string;
}

/**
 * How far an honorarium has come.
 */
export type HonorariumState = "agreed" | "invoiced" | "approved" | "paid" | "waived";

/**
 * A stay at a hotel.
 */
export interface HotelStay {
    /**
     * The id.
     */
    id: LogisticsId;
    /**
     * The hotel's name.
     */
    hotel: string;
    /**
     * Its address.
     */
    address: string;
    /**
     * Its telephone number.
     */
    phone: string;
    /**
     * From when the room is theirs.
     */
    startsAt: Timestamp | null;
    /**
     * Until when the room is theirs.
     */
    endsAt: Timestamp | null;
    /**
     * The booking's reference.
     */
    confirmation: string;
    /**
     * Who pays, what is included.
     */
    notes: string;
}

/**
 * A question to be asked with `POST`, as JSON.
 */
export interface HttpQuestion {
    /**
     * Where to.
     */
    url: string;
    /**
     * The body, which may hold a secret.
     */
    body: string;
}

/**
 * An incident.
 */
export interface Incident {
    /**
     * The fact that reported it.
     */
    fact: Fact;
    /**
     * Where.
     */
    room: RoomId | null;
    /**
     * The room's name; empty if it names none.
     */
    roomName: string;
    /**
     * In which session.
     */
    session: SessionId | null;
    /**
     * How bad it is.
     */
    severity: Severity;
    /**
     * What happened.
     */
    text: string;
}

export type ItemId = string;

/**
 * What an item of readiness is about.
 */
export type ItemKind = "av" | "seating" | "water" | "materials" | "signage" | "capacity" | "other";

/**
 * What somebody found who looked at an item.
 */
export type ItemState = "ok" | "problem" | "not_needed";

/**
 * The last look at an item.
 */
export interface LastLook {
    /**
     * The observation.
     */
    fact: FactId;
    /**
     * What was found.
     */
    state: ItemState;
    /**
     * Anything else; what is wrong, for a problem.
     */
    note: string;
}

/**
 * Where a server's link stands.
 */
export type LinkState = { type: "stopped" } | { type: "connecting" } | { type: "connected" } | { type: "waiting"; retryAt: Timestamp } | { type: "unauthorized" };

/**
 * A presenter's logistics.
 */
export interface Logistics {
    /**
     * How they come and go, by departure.
     */
    travel: TravelLeg[];
    /**
     * Where they sleep, by arrival.
     */
    hotels: HotelStay[];
    /**
     * What they are paid.
     */
    honorarium: Honorarium | null;
    /**
     * What they present with.
     */
    aids: Aid[];
    /**
     * What they say they need.
     */
    needs: Needs | null;
    /**
     * Where what this device edited of that is by now; on a server, if it edited nothing.
     */
    needsDurability: Durability;
    /**
     * Whom they can call.
     */
    contacts: LogisticsContact[];
}

/**
 * Somebody the presenter can call, or the presenter's own address and number.
 */
export interface LogisticsContact {
    /**
     * The id.
     */
    id: LogisticsId;
    /**
     * What they are to the presenter: "self", "host", "driver".
     */
    role: string;
    /**
     * Their name.
     */
    name: string;
    /**
     * Telephone number.
     */
    phone: string;
    /**
     * E-mail address.
     */
    email: string;
}

export type LogisticsId = string;

/**
 * Who this device is.
 */
export interface Me {
    /**
     * The event.
     */
    event: EventId;
    /**
     * The device.
     */
    device: DeviceId;
    /**
     * What it may do.
     */
    role: Role;
}

/**
 * What the presenter says they need.
 */
export interface Needs {
    /**
     * Presentation aids wished for.
     */
    aids: string;
    /**
     * What they do not eat.
     */
    dietary: string;
    /**
     * What they need to take part.
     */
    access: string;
    /**
     * Anything else.
     */
    notes: string;
}

/**
 * An edit of what a presenter needs.
 */
export type NeedsEdit = { type: "aids"; value: string } | { type: "dietary"; value: string } | { type: "access"; value: string } | { type: "notes"; value: string };

/**
 * Edits of one record, in the order in which they are made.
 */
export type NeedsEdits = NeedsEdit[];

/**
 * Something that went wrong.
 */
export interface NewIncident {
    /**
     * What happened.
     */
    text: string;
    /**
     * How bad it is.
     */
    severity: Severity;
    /**
     * Where.
     */
    room?: RoomId | null;
    /**
     * In which session.
     */
    session?: SessionId | null;
}

/**
 * Somebody without a registration.
 */
export interface NewWalkIn {
    /**
     * Where they are admitted.
     */
    checkpoint: CheckpointId;
    /**
     * The name for the badge.
     */
    name: string;
    /**
     * The organisation for the badge.
     */
    organisation?: string;
    /**
     * What kind of attendee they become.
     */
    category?: string;
}

/**
 * A document whose changes a server refuses. They are kept here.
 */
export interface ParkedDocument {
    /**
     * The document.
     */
    document: DocRef;
    /**
     * Who refused.
     */
    server: ServerId;
    /**
     * The stable code of the refusal.
     */
    code: string;
    /**
     * Facts in it that are not on that server.
     */
    facts: number;
    /**
     * Edits of it that are not on that server.
     */
    edits: number;
    /**
     * Since when, on this device's clock.
     */
    since: Timestamp;
}

export type PresenterId = string;

/**
 * What the public knows of a presenter.
 */
export interface PresenterProfile {
    /**
     * The name they present under.
     */
    name: string;
    /**
     * The organisation they speak for.
     */
    organisation: string;
    /**
     * Who they are.
     */
    biography: string;
    /**
     * The address of their picture.
     */
    avatar: string;
    /**
     * Their page.
     */
    url: string;
}

/**
 * Why something was not done. Nothing of it was kept, shown or sent.
 */
export interface Problem {
    /**
     * The stable code, as on every other interface (`storage_full`).
     */
    code: string;
    /**
     * When it makes sense to try again.
     */
    retry: RetryClass;
    /**
     * What is wrong and what to do about it, in one English sentence without personal data.
     */
    remedy: string;
    /**
     * More about it for logs, without personal data.
     */
    detail: string;
}

/**
 * What a damaged database had not sent.
 */
export interface PutAside {
    /**
     * A JSON text: the facts that no server is known to have. To be given to the person as a file.
     */
    exported: string;
    /**
     * How many facts were exported.
     */
    facts: number;
    /**
     * Whether the list is known to be whole. If not, the database that was put aside still holds whatever is left.
     */
    complete: boolean;
}

/**
 * A question that staff ask before they admit somebody.
 */
export interface Question {
    /**
     * Its id.
     */
    id: QuestionId;
    /**
     * What is asked.
     */
    text: string;
    /**
     * How it is answered.
     */
    answer: AnswerKind;
    /**
     * What can be chosen.
     */
    choices: string[];
    /**
     * Whether nobody is admitted without an answer.
     */
    required: boolean;
    /**
     * Which categories are asked; all, if empty.
     */
    categories: string[];
}

export type QuestionId = string;

/**
 * How far a session's room is.
 */
export type ReadinessState = "not_started" | "under_way" | "ready" | "problem" | "overdue";

/**
 * A fact was recorded, durably.
 */
export interface Recorded {
    /**
     * Its id; `undo` takes it.
     */
    fact: FactId;
    /**
     * Where it is by now.
     */
    durability: Durability;
    /**
     * The attendee that a walk-in became.
     */
    attendee: AttendeeId | null;
}

/**
 * Whether a registration stands.
 */
export type Registration = "confirmed" | "unpaid" | "cancelled" | "blocked";

/**
 * What was found about a double admission.
 */
export type ResolutionKind = "same_person" | "second_admitted" | "second_removed";

/**
 * When it makes sense to try again.
 */
export type RetryClass = "transient" | "needs_network" | "needs_user" | "permanent";

/**
 * What a device may do.
 */
export type Role = { type: "coordinator" } | { type: "finance" } | { type: "staff" } | { type: "presenter"; presenter: PresenterId };

/**
 * A room of the venue.
 */
export interface Room {
    /**
     * The id.
     */
    id: RoomId;
    /**
     * Its name on the door.
     */
    name: string;
    /**
     * How many people it seats.
     */
    capacity: number | null;
    /**
     * What stands in it.
     */
    equipment: string[];
    /**
     * Floor or part of the building.
     */
    floor: string;
}

/**
 * An edit of a room.
 */
export type RoomEdit = { type: "name"; value: string } | { type: "capacity"; value: number | null } | { type: "floor"; value: string } | { type: "equipment"; value: string[] };

/**
 * Edits of one record, in the order in which they are made.
 */
export type RoomEdits = RoomEdit[];

export type RoomId = string;

/**
 * What a scan or a check-in came to.
 */
export interface ScanResult {
    /**
     * What staff should do.
     */
    verdict: Verdict;
    /**
     * The stable name of the verdict (`already_in`).
     */
    code: string;
    /**
     * The entry, if one was recorded.
     */
    recorded: Recorded | null;
    /**
     * Who it is, if it is one attendee. Shows the new entry already.
     */
    card: AttendeeCard | null;
    /**
     * What the ticket says, if it is a good one and nothing has arrived of its attendee.
     */
    bearer: Bearer | null;
    /**
     * The same code was scanned on this device a moment ago: this is the same answer again, nothing new was recorded.
     */
    repeated: boolean;
}

/**
 * A hit of a search.
 */
export interface SearchHit {
    /**
     * The id.
     */
    id: AttendeeId;
    /**
     * What the door needs to know.
     */
    attendee: Attendee;
    /**
     * Where they are inside, as far as this phone knows.
     */
    inside: CheckpointId[];
}

export type ServerId = string;

/**
 * A server and how this phone stands with it.
 */
export interface ServerStatus {
    /**
     * The server.
     */
    server: ServerId;
    /**
     * Where it is.
     */
    url: string;
    /**
     * Where the link stands.
     */
    link: LinkState;
    /**
     * When a message of it came last, on this device's clock.
     */
    lastContact: Timestamp | null;
    /**
     * Facts of this phone that are not known to be on it.
     */
    factsNotThere: number;
    /**
     * Edits of this phone that are not known to be on it.
     */
    editsNotThere: number;
}

/**
 * Something that happens in a room at a time.
 */
export interface Session {
    /**
     * The id.
     */
    id: SessionId;
    /**
     * Its title.
     */
    title: string;
    /**
     * A line under the title.
     */
    subtitle: string;
    /**
     * When it starts.
     */
    startsAt: Timestamp;
    /**
     * When it ends.
     */
    endsAt: Timestamp;
    /**
     * How long it lasts, in minutes.
     */
    durationMin: number;
    /**
     * Where it is.
     */
    room: RoomId | null;
    /**
     * The room's name; empty if it has none.
     */
    roomName: string;
    /**
     * The track it belongs to.
     */
    track: TrackId | null;
    /**
     * What kind of session it is ("keynote", "workshop").
     */
    kind: string;
    /**
     * BCP 47 tag of its language.
     */
    language: string;
    /**
     * What it is about, short.
     */
    abstractText: string;
    /**
     * What it is about, long.
     */
    description: string;
    /**
     * Who presents, in the order of the programme.
     */
    presenters: PresenterId[];
    /**
     * Their names, in the same order.
     */
    presenterNames: string[];
    /**
     * Links to read on.
     */
    links: WebLink[];
    /**
     * Papers and slides.
     */
    attachments: WebLink[];
    /**
     * Its page.
     */
    url: string;
    /**
     * Whether it must not be recorded.
     */
    recordingOptout: boolean;
    /**
     * Whether it does not take place.
     */
    cancelled: boolean;
}

/**
 * An edit of a session.
 */
export type SessionEdit = { type: "title"; value: string } | { type: "subtitle"; value: string } | { type: "starts_at"; value: Timestamp } | { type: "ends_at"; value: Timestamp } | { type: "room"; value: RoomId | null } | { type: "cancelled"; value: boolean };

/**
 * Edits of one record, in the order in which they are made.
 */
export type SessionEdits = SessionEdit[];

/**
 * Which sessions to list. Times are compared with the session's start.
 */
export interface SessionFilter {
    /**
     * Only those in this room.
     */
    room?: RoomId | null;
    /**
     * Only those that start at or after.
     */
    startsFrom?: Timestamp | null;
    /**
     * Only those that start before.
     */
    startsBefore?: Timestamp | null;
}

export type SessionId = string;

/**
 * What was found about a double admission.
 */
export interface Settle {
    /**
     * Whose ticket it was.
     */
    attendee: AttendeeId;
    /**
     * Where it was admitted twice.
     */
    checkpoint: CheckpointId;
    /**
     * What was found.
     */
    found: ResolutionKind;
    /**
     * The admissions that were looked at; empty for all that this phone knows.
     */
    admissions?: FactId[];
    /**
     * Anything else worth knowing.
     */
    note?: string;
}

/**
 * How bad an incident is.
 */
export type Severity = "notice" | "urgent" | "emergency";

/** What the core asks for. Calls come while a call of `Client` is under way: nothing here may call `Client` before it has
 * returned. */
export interface Shell {
    /** Open a WebSocket, then tell `linkUp`, or `linkNotOpened`. */
    connect(link: number, url: string, token: string): void;
    /** Send a binary message, in order. False if that cannot be; then the link is not used again. The bytes are the core's
     * memory: copy what is kept. */
    send(link: number, bytes: Uint8Array): boolean;
    /** Close a link after what was sent; it is not used again. */
    disconnect(link: number): void;
    /** Ask with `POST` and JSON, then tell `answered` or `notAnswered`. */
    ask(question: number, url: string, body: string): void;
    /** Call `wake` in so many milliseconds, or as soon as nothing else waits if that is 0; an earlier time that was asked for
     * before still holds. */
    wakeIn(ms: number): void;
    /** Views of these topics may differ now. */
    changed(topics: Topic[]): void;
}

/**
 * How far a device's clock was off when it last met a server.
 */
export interface Skew {
    /**
     * Milliseconds to add to the device's clock to get the server's.
     */
    ms: number;
    /**
     * How long before the fact this was measured, in milliseconds.
     */
    ageMs: number;
}

/**
 * What this device still is to the event.
 */
export type Standing = "good" | "pending" | "lease_ended" | "revoked" | "forgotten";

/**
 * How this phone stands with the others.
 */
export interface Status {
    /**
     * Whether it is enrolled.
     */
    enrolled: boolean;
    /**
     * Who works with it.
     */
    label: string;
    /**
     * What it still is to the event.
     */
    standing: Standing;
    /**
     * Facts that were not sent, of documents that it had to forget: to be handed over to a server.
     */
    keptFacts: number;
    /**
     * The same of edits.
     */
    keptEdits: number;
    /**
     * The servers.
     */
    servers: ServerStatus[];
    /**
     * The other devices, the one heard longest ago first.
     */
    devices: DeviceStatus[];
    /**
     * What servers refuse.
     */
    parked: ParkedDocument[];
    /**
     * Documents that cannot be used here.
     */
    unusable: UnusableDocument[];
    /**
     * Documents of this role that are not here yet.
     */
    missing: DocRef[];
    /**
     * Whether lists and search still lack what has arrived.
     */
    indexing: boolean;
}

/**
 * Where a database is kept.
 */
export type StorageKind = "durable" | "memory";

/** Milliseconds since 1970-01-01T00:00:00Z: a device's wrong clock may lie outside of what a `Date` can hold. */
export type Timestamp = number;

/**
 * What a listener may look at again.
 */
export type Topic = "event" | "program" | "attendees" | "checkins" | "double_admissions" | "readiness" | "incidents" | "arrivals" | "logistics" | "status" | "conflicts";

export type TrackId = string;

/**
 * One leg of a journey.
 */
export interface TravelLeg {
    /**
     * The id.
     */
    id: LogisticsId;
    /**
     * How it is travelled.
     */
    mode: TravelMode;
    /**
     * Flight or train number.
     */
    number: string;
    /**
     * Where it begins.
     */
    origin: string;
    /**
     * Where it ends.
     */
    destination: string;
    /**
     * When it begins.
     */
    departsAt: Timestamp | null;
    /**
     * When it ends.
     */
    arrivesAt: Timestamp | null;
    /**
     * The booking's reference.
     */
    booking: string;
    /**
     * Anything else worth knowing.
     */
    notes: string;
}

/**
 * How a leg of a journey is travelled.
 */
export type TravelMode = "flight" | "train" | "bus" | "ferry" | "car" | "transfer";

/**
 * An edit of this device that no server is known to have.
 */
export interface UnsentEdit {
    /**
     * The document.
     */
    document: DocRef;
    /**
     * The collection that the record is in.
     */
    collection: string;
    /**
     * The record's key.
     */
    key: string;
    /**
     * What was edited.
     */
    fields: EditedField[];
    /**
     * When, on this device's clock.
     */
    at: Timestamp;
}

/**
 * A document that cannot be used here.
 */
export interface UnusableDocument {
    /**
     * The document.
     */
    document: DocRef;
    /**
     * The stable code of why.
     */
    code: string;
    /**
     * What to do about it, in one English sentence.
     */
    remedy: string;
}

/**
 * What staff should do, and why.
 */
export type Verdict = { type: "admitted" } | { type: "already_in"; at: Timestamp; checkpoint: CheckpointId; device: DeviceId; fact: FactId } | { type: "unknown" } | { type: "cancelled" } | { type: "unpaid" } | { type: "blocked" } | { type: "revoked" } | { type: "wrong_category"; category: string; admits: string[] } | { type: "too_early"; admitsFrom: Timestamp } | { type: "too_late"; admittedUntil: Timestamp } | { type: "wrong_event" } | { type: "answers_required"; questions: Question[] } | { type: "ambiguous"; candidates: AttendeeId[] } | { type: "bad_signature" } | { type: "unknown_key" } | { type: "rules"; reasons: string[] } | { type: "rules_unreadable" };

/**
 * A link or an attachment of a session.
 */
export interface WebLink {
    /**
     * What it is.
     */
    title: string;
    /**
     * Where it is.
     */
    url: string;
    /**
     * What kind of thing it is ("slides").
     */
    kind: string;
}

/**
 * Panics. What a page does then has to be tried with the module that people load.
 */
export function panicOnPurpose(): void;

/**
 * To be called once, when the module is loaded.
 */
export function started(): void;

/** Loads the module; everything else may be used afterwards. */
export default function init(options: { module_or_path: string | URL }): Promise<{ memory: WebAssembly.Memory }>;

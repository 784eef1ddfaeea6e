/**
 * The core, as screens use it: `mobile-ffi`'s client by the same names, and what only a browser needs besides.
 *
 * Every call that records something resolves when it is on disk. None waits for a network but `enrol`, `accessToken` and
 * `signOut`. A call that fails rejects with a `MusterError`, and nothing of it was kept.
 */
import type * as r from './records';

export type * from './records';

export interface Core extends Questions, Commands, Connection, Browser {}

/** Errors of all: `not_enrolled`, `storage_*`, `document_*`, besides what each names. */
export interface Questions {
    me(): Promise<r.Me | null>;
    status(): Promise<r.Status>;
    event(): Promise<r.Event>;
    checkpoints(): Promise<r.Checkpoint[]>;
    /** From two letters, without diacritics and from any word, or by the ticket's code; best first. */
    search(typed: string, limit?: number): Promise<r.SearchHit[]>;
    /** Errors: `attendee_unknown`. */
    attendee(id: r.AttendeeId): Promise<r.AttendeeCard>;
    counts(checkpoint: r.CheckpointId): Promise<r.Counts>;
    /** Open ones first. */
    doubleAdmissions(): Promise<r.DoubleAdmission[]>;
    rooms(): Promise<r.Room[]>;
    /** By start and room. */
    sessions(filter: r.SessionFilter): Promise<r.Session[]>;
    /** Overdue first, then problems, then by deadline. */
    readinessBoard(filter: r.SessionFilter): Promise<r.BoardRow[]>;
    /** Errors: `session_unknown`. */
    checklist(session: r.SessionId): Promise<r.BoardRow>;
    /** The latest first. */
    incidents(): Promise<r.Incident[]>;
    arrivals(): Promise<r.Arrival[]>;
    /** Errors: `not_allowed` on a device that is no presenter's. */
    myLogistics(): Promise<r.Logistics>;
    /** Errors: `not_allowed`. */
    logistics(presenter: r.PresenterId): Promise<r.Logistics>;
    ownFacts(): Promise<r.Fact[]>;
    /** Those of them that no server is known to have. */
    unsentFacts(): Promise<r.Fact[]>;
    /** What this device edited and no server is known to have, in the order in which it did. */
    unsentEdits(): Promise<r.UnsentEdit[]>;
    /** Fields that several people gave different values at once, for those who may choose one. */
    conflicts(): Promise<r.Conflict[]>;
}

/** Errors of all: `not_enrolled`, `not_allowed` and `storage_*`, besides what each names. */
export interface Commands {
    /** Errors: `checkpoint_unknown`. What is wrong with a ticket is no error but the verdict. */
    scan(checkpoint: r.CheckpointId, code: string, answers?: r.Answers): Promise<r.ScanResult>;
    /** Errors: `bad_parameter` if the bytes are not UTF-8; `checkpoint_unknown`. */
    scanBytes(checkpoint: r.CheckpointId, code: Uint8Array, answers?: r.Answers): Promise<r.ScanResult>;
    /** Errors: `checkpoint_unknown`, `attendee_unknown`, `text_too_long`. */
    checkIn(wish: r.CheckIn): Promise<r.ScanResult>;
    /** Errors: `checkpoint_unknown`, `attendee_unknown`. */
    exit(checkpoint: r.CheckpointId, attendee: r.AttendeeId): Promise<r.Recorded>;
    /** Errors: `fact_unknown`, `text_too_long`. */
    undo(fact: r.FactId, reason: string): Promise<r.Recorded>;
    /** Errors: `checkpoint_unknown`, `text_missing`, `text_too_long`. */
    walkIn(wish: r.NewWalkIn): Promise<r.Recorded>;
    /** Errors: `nothing_to_settle`, `text_too_long`. */
    settle(wish: r.Settle): Promise<r.Recorded>;
    /** Errors: `session_unknown`, `item_unknown`, `text_missing` if a problem has no note, `text_too_long`. */
    observe(session: r.SessionId, item: r.ItemId, state: r.ItemState, note?: string): Promise<r.Recorded>;
    /** Errors: `text_missing`, `text_too_long`. */
    reportIncident(wish: r.NewIncident): Promise<r.Recorded>;
    /** Errors: `not_allowed`. */
    arrive(presenter: r.PresenterId): Promise<r.Recorded>;
    /**
     * What is not named stays as it is; says whether anything differed. One who registered at the door gets a record with it.
     * Errors: `attendee_unknown`, `text_missing`, `text_too_long`; so, each with what it needs, for the others.
     */
    editAttendee(attendee: r.AttendeeId, edits: r.AttendeeEdit[]): Promise<boolean>;
    /** Errors besides: `session_unknown`, `room_unknown`, `times_reversed`, `out_of_range`. */
    editSession(session: r.SessionId, edits: r.SessionEdit[]): Promise<boolean>;
    /** Errors besides: `room_unknown`, `out_of_range`. */
    editRoom(room: r.RoomId, edits: r.RoomEdit[]): Promise<boolean>;
    /** Errors besides: `checkpoint_unknown`, `times_reversed`, `out_of_range`. */
    editCheckpoint(checkpoint: r.CheckpointId, edits: r.CheckpointEdit[]): Promise<boolean>;
    /** Their own, on a presenter's device. Errors: `text_too_long`. */
    editNeeds(presenter: r.PresenterId, edits: r.NeedsEdit[]): Promise<boolean>;
    /** One of the values of a conflict. Errors: `conflict_unknown` if there is nothing to choose between any more. */
    choose(choice: r.Choice): Promise<boolean>;
    /** Says again what of this device's own work a server refused (`parked` of the status). */
    offerAgain(): Promise<void>;
    /** Says who works with this device; facts carry it. Errors: `text_too_long`. */
    setLabel(label: string): Promise<void>;
}

export interface Connection {
    /** Errors: `enrolment_link`, `unreachable`, `not_muster`, or the server's own code (`enrolment_code_used`...). */
    enrol(link: string, deviceName: string): Promise<void>;
    startSync(): Promise<void>;
    stopSync(): Promise<void>;
    /** The listener is called with what may differ now, first with nothing missed since this call. */
    subscribe(listener: ChangeListener): Subscription;
    shutdown(): Promise<void>;
}

export type ChangeListener = (topics: r.Topic[]) => void;

export interface Subscription {
    cancel(): void;
}

/** What `mobile-ffi` has no need of. */
export interface Browser {
    /** Where the database is; `memory` is lost with the tab, and a screen says so. */
    storage(): Promise<StorageState>;
    /** A token for the server's HTTP API, refreshed if need be. Errors: `unreachable`, `refused`, `not_enrolled`. */
    accessToken(): Promise<string>;
    /**
     * Makes a device of this browser for an account of the server that the app came from. `event` is needed by an account that
     * has several. Errors: `login_failed`, `event_required`, `too_many_attempts`, `unreachable`, `not_muster`.
     */
    signIn(name: string, password: string, event: string): Promise<void>;
    /** The text of a QR code in the picture, where the browser itself reads none; none if there is none. */
    decodeQr(picture: ImageData): Promise<string | null>;
    /**
     * Forgets the event on this device. Sends first what was not sent; refuses with `unsent_facts` while something is
     * not on the server, and then nothing is forgotten.
     */
    signOut(): Promise<void>;
    /**
     * Puts a damaged database aside and opens a new one, to be enrolled anew. What was not sent is in the export; a
     * database that opens is left alone (`storage_busy`).
     */
    recoverDatabase(): Promise<PutAside>;
}

export interface StorageState {
    kind: 'durable' | 'memory';
    usedBytes: number | null;
    quotaBytes: number | null;
}

export interface PutAside {
    /** JSON: the facts that no server is known to have. */
    exported: string;
    facts: number;
    /** Whether the list is known to be whole. */
    complete: boolean;
}

/** Why something was not done. Nothing of it was kept, shown or sent. */
export class MusterError extends Error {
    constructor(
        /** The stable code, as on every other interface (`storage_full`). */
        readonly code: string,
        /** When it makes sense to try again. */
        readonly retry: r.RetryClass,
        /** What is wrong and what to do about it, in one English sentence without personal data. */
        readonly remedy: string,
        /** More about it for logs, without personal data. */
        readonly detail: string,
    ) {
        super(`${code}: ${remedy}`);
        this.name = 'MusterError';
    }
}

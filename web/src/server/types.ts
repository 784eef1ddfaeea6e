/** What the server's HTTP API takes and answers (docs/API.md), in its own spelling. */

export type RoleKind = 'coordinator' | 'finance' | 'staff' | 'presenter';

/** What a phone would be that joins with a code. */
export interface PreviewView {
    event_name: string;
    role: RoleKind;
    /** Whether it has a name already, whatever it calls itself. */
    named: boolean;
    /** How many checkpoints it may serve; 0 means all. */
    checkpoints: number;
    /** Whether it waits then until a coordinator lets it in. */
    approve: boolean;
    lease_ms: number;
    expires_at_ms: number;
    devices_left: number;
}

/** For how long devices work without contact; 0 for no end. */
export type Leases = Record<RoleKind, number>;

/** Those whom accounts are for: they sit at a desk. */
export type DeskRole = 'coordinator' | 'finance';

export interface AccountView {
    account_id: string;
    name: string;
    role: string;
    created_at_ms: number;
}

export interface InvitationView {
    code: string;
    link: string;
    role: string;
    expires_at_ms: number;
}

export interface CodeRequest {
    role: RoleKind;
    name?: string;
    presenter?: string;
    checkpoints?: string[];
    devices?: number;
    approve?: boolean;
    expires_min?: number;
}

export interface CodeView {
    code: string;
    link: string;
    role: string;
    name: string;
    checkpoints: string[];
    devices: number;
    approve: boolean;
    expires_at_ms: number;
}

export interface DeviceView {
    device_id: string;
    name: string;
    /** `coordinator`, `finance`, `staff` or `presenter:<id>`. */
    role: string;
    checkpoints: string[];
    pending: boolean;
    enrolled_at_ms: number;
    connected: boolean;
    last_seen_at_ms: number | null;
    revoked_at_ms: number | null;
}

export interface AlertView {
    device_id: string;
    name: string;
    code: string;
    raised_at_ms: number;
}

export interface Tally {
    created: number;
    changed: number;
    unchanged: number;
    cancelled: number;
    kept_edits: number;
}

export interface ImportView {
    format: string;
    source: string;
    changed: boolean;
    collections: Record<string, Tally>;
    skipped: number;
    check_ins: number;
    notes: { code: string; place: string; detail: string }[];
    notes_omitted: number;
}

export interface QuarantinedView {
    id: number;
    document: string;
    device_id: string;
    author: string | null;
    code: string;
    reason: string;
    received_at_ms: number;
    bytes: number;
    decided_at_ms: number | null;
    decision: string | null;
    note: string | null;
}

export interface SettledView {
    written: number;
    there: number;
    left_out: number;
}

export interface AccountEventView {
    event_id: string;
    name: string;
    role: RoleKind;
    starts_at_ms: number;
}

export type ExportFormat = 'schedule-xml' | 'schedule-json' | 'icalendar' | 'attendees-csv' | 'checkins-csv';

/** What only works with a server in reach. Everything fails with `MusterError`, as the core does. */
export interface Server {
    devices(): Promise<DeviceView[]>;
    alerts(): Promise<AlertView[]>;
    addDevice(wish: CodeRequest): Promise<CodeView>;
    approve(device: string): Promise<void>;
    revoke(device: string): Promise<void>;
    rename(device: string, name: string): Promise<void>;
    /** `presenter` says whose device it is, for that role. */
    setRole(device: string, role: RoleKind, presenter?: string): Promise<void>;
    leases(): Promise<Leases>;
    setLeases(leases: Partial<Leases>): Promise<Leases>;
    accounts(): Promise<AccountView[]>;
    invite(role: DeskRole): Promise<InvitationView>;
    removeAccount(account: string): Promise<void>;
    /** What a phone would be that joins with a code; the code stays good. For phones that belong to no event yet. */
    preview(code: string): Promise<PreviewView>;
    /** Makes the account, or gives one that is there this event too; says which event. For whoever was invited. */
    accept(code: string, name: string, password: string): Promise<string>;
    /** The events of an account. For whoever signs in and has several. */
    eventsOf(name: string, password: string): Promise<AccountEventView[]>;
    /** `sent` is told how much of the file has gone, from 0 to 1. */
    importFile(file: Blob, source: string, sent: (part: number) => void): Promise<ImportView>;
    exportFile(format: ExportFormat): Promise<Blob>;
    quarantine(): Promise<QuarantinedView[]>;
    settle(entry: number, decision: 'accept' | 'discard', note: string): Promise<SettledView>;
}

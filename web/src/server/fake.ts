import { MusterError } from '../core/api';
import { NOW, event } from '../core/fake/program';
import type * as s from './types';

const DAY_MS = 24 * 60 * 60_000;

/** A server that answers from memory, for looking at screens. */
export class FakeServer implements s.Server {
    private list: s.DeviceView[] = [
        device('d0000000000000a1', 'Laptop of Līga', 'coordinator', 0),
        device('d0000000000000b2', 'Gate B, phone 1', 'staff', 9),
        device('d0000000000000c3', 'Floor 2', 'staff', 64),
        { ...device('d0000000000000d4', 'Phone of a volunteer', 'staff', 2), pending: true, last_seen_at_ms: null },
        device('d0000000000000e5', 'Dace Ozolniece', 'presenter:p1', 600),
        { ...device('d0000000000000f6', 'Lost phone', 'staff', 1500), revoked_at_ms: NOW - 80_000_000 },
    ];
    private lease: s.Leases = { coordinator: 0, finance: 7 * DAY_MS, staff: 7 * DAY_MS, presenter: 30 * DAY_MS };
    private members: s.AccountView[] = [
        { account_id: 'a1', name: 'ben@example.org', role: 'finance', created_at_ms: NOW - 5 * DAY_MS },
        { account_id: 'a2', name: 'liga@example.org', role: 'coordinator', created_at_ms: NOW - 40 * DAY_MS },
    ];
    private kept: s.QuarantinedView[] = [
        {
            id: 7,
            document: 'checkins/00',
            device_id: 'd0000000000000f6',
            author: 'd0000000000000f6',
            code: 'device_revoked',
            reason: 'the device was revoked before it sent these',
            received_at_ms: NOW - 3_600_000,
            bytes: 412,
            decided_at_ms: null,
            decision: null,
            note: null,
        },
    ];

    private away(): void {
        if (sessionStorage.getItem('muster.fake') === 'offline') {
            throw new MusterError(
                'unreachable',
                'needs_network',
                'the server cannot be reached: try again with a network',
                '',
            );
        }
    }

    async devices(): Promise<s.DeviceView[]> {
        this.away();
        return this.list;
    }

    alerts = async () => [
        {
            device_id: 'd0000000000000f6',
            name: 'Lost phone',
            code: 'refresh_token_reused',
            raised_at_ms: NOW - 80_000_000,
        },
    ];

    async addDevice(wish: s.CodeRequest): Promise<s.CodeView> {
        this.away();
        const { role, name = '', checkpoints = [], devices = 1, approve = false, expires_min = 15 } = wish;
        const code = '7ZQK3M5X9T2W8R4V6B1N0CYHJD';
        return {
            code,
            link: `https://muster.example.org/enrol#${code}`,
            role,
            name,
            checkpoints,
            devices,
            approve,
            expires_at_ms: Date.now() + expires_min * 60_000,
        };
    }

    async approve(id: string): Promise<void> {
        this.list = this.list.map((one) => (one.device_id === id ? { ...one, pending: false } : one));
    }

    async revoke(id: string): Promise<void> {
        this.list = this.list.map((one) => (one.device_id === id ? { ...one, revoked_at_ms: Date.now() } : one));
    }

    async rename(id: string, name: string): Promise<void> {
        this.away();
        this.list = this.list.map((one) => (one.device_id === id ? { ...one, name } : one));
    }

    async setRole(id: string, role: s.RoleKind, presenter?: string): Promise<void> {
        this.away();
        const text = presenter ? `${role}:${presenter}` : role;
        this.list = this.list.map((one) => (one.device_id === id ? { ...one, role: text } : one));
    }

    async leases(): Promise<s.Leases> {
        this.away();
        return this.lease;
    }

    async setLeases(leases: Partial<s.Leases>): Promise<s.Leases> {
        this.away();
        this.lease = { ...this.lease, ...leases };
        return this.lease;
    }

    async accounts(): Promise<s.AccountView[]> {
        this.away();
        return this.members;
    }

    async invite(role: s.DeskRole): Promise<s.InvitationView> {
        this.away();
        const code = '5X9T2W8R4V6B1N0CYHJD7ZQK3M';
        const link = `https://muster.example.org/invite#${code}`;
        return { code, link, role, expires_at_ms: Date.now() + 7 * DAY_MS };
    }

    async removeAccount(id: string): Promise<void> {
        this.away();
        this.members = this.members.filter((one) => one.account_id !== id);
    }

    async preview(code: string): Promise<s.PreviewView> {
        this.away();
        if (code.endsWith('USED'))
            throw new MusterError('enrolment_code_used', 'needs_user', 'the enrolment code was used before', '');
        return {
            event_name: event.name,
            role: 'staff',
            named: code.endsWith('NAMED'),
            checkpoints: 0,
            approve: code.endsWith('WA1T'),
            lease_ms: 7 * DAY_MS,
            expires_at_ms: Date.now() + 15 * 60_000,
            devices_left: 1,
        };
    }

    async accept(code: string): Promise<string> {
        this.away();
        if (code.endsWith('USED'))
            throw new MusterError('invitation_unknown', 'needs_user', 'there is no such invitation', '');
        return 'e1';
    }

    async eventsOf(): Promise<s.AccountEventView[]> {
        this.away();
        const earlier = { event_id: 'e2', name: 'Baltic Ward Round 2026', role: 'finance' as const };
        return [
            { event_id: 'e1', name: event.name, role: 'coordinator', starts_at_ms: Date.parse('2027-05-20T06:00:00Z') },
            { ...earlier, starts_at_ms: Date.parse('2026-10-08T06:00:00Z') },
        ];
    }

    async importFile(file: Blob, source: string, sent: (part: number) => void): Promise<s.ImportView> {
        this.away();
        sent(1);
        const text = await file.text();
        if (!text.includes(','))
            throw new MusterError(
                'format_not_detected',
                'needs_user',
                'the file is none of the formats that can be imported: name the format, or export it again from where it comes from',
                '',
            );
        return {
            format: 'attendees-csv',
            source: source || 'attendees-csv',
            changed: true,
            collections: {
                attendees: { created: 1187, changed: 12, unchanged: 1, cancelled: 0, kept_edits: 2 },
                contacts: { created: 1187, changed: 0, unchanged: 13, cancelled: 0, kept_edits: 0 },
            },
            skipped: 2,
            check_ins: 0,
            notes: [
                { code: 'row_without_name', place: 'row 17', detail: 'skipped: it names nobody' },
                {
                    code: 'duplicate_ticket',
                    place: 'row 230',
                    detail: 'skipped: its ticket code stands in a row before',
                },
                {
                    code: 'kept_edit',
                    place: 'row 301, category',
                    detail: "the coordinator's value was kept",
                },
            ],
            notes_omitted: 0,
        };
    }

    async exportFile(format: s.ExportFormat): Promise<Blob> {
        this.away();
        if (format !== 'checkins-csv') return new Blob(['fake']);
        const rows = Array.from({ length: 460 }, (_, index) => {
            const at = new Date(NOW - (120 - Math.sqrt(index / 460) * 118) * 60_000).toISOString();
            return `${at},entry,a1,Name,,Main entrance,Gate B,Edgars,,,f`;
        });
        return new Blob([
            ['Time,Kind,Muster ID,Name,Organisation,Checkpoint,Device,By,Undone,Despite,Fact', ...rows].join('\r\n'),
        ]);
    }

    async quarantine(): Promise<s.QuarantinedView[]> {
        this.away();
        return this.kept;
    }

    async settle(entry: number): Promise<s.SettledView> {
        this.kept = this.kept.filter(({ id }) => id !== entry);
        return { written: 3, there: 0, left_out: 0 };
    }
}

function device(device_id: string, name: string, role: string, minutes: number): s.DeviceView {
    const last_seen_at_ms = NOW - minutes * 60_000;
    return {
        device_id,
        name,
        role,
        checkpoints: [],
        pending: false,
        enrolled_at_ms: NOW - 90_000_000,
        connected: minutes === 0,
        last_seen_at_ms,
        revoked_at_ms: null,
    };
}

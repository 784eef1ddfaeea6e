import { MusterError, type RetryClass } from '../core/api';
import type * as s from './types';

/** What the server says when something fails. */
interface Failure {
    code?: string;
    detail?: string;
    request_id?: string;
}

export class HttpServer implements s.Server {
    constructor(
        private readonly token: () => Promise<string>,
        private readonly event: () => string,
    ) {}

    async devices(): Promise<s.DeviceView[]> {
        return (await this.ask<{ devices: s.DeviceView[] }>('GET', 'devices')).devices;
    }

    async alerts(): Promise<s.AlertView[]> {
        return (await this.ask<{ alerts: s.AlertView[] }>('GET', 'device-alerts')).alerts;
    }

    addDevice(wish: s.CodeRequest): Promise<s.CodeView> {
        return this.ask('POST', 'devices', wish);
    }

    async approve(device: string): Promise<void> {
        await this.send('POST', `devices/${device}/approve`);
    }

    async revoke(device: string): Promise<void> {
        await this.send('DELETE', `devices/${device}`);
    }

    async rename(device: string, name: string): Promise<void> {
        await this.send('PUT', `devices/${device}/name`, { name });
    }

    async setRole(device: string, role: s.RoleKind, presenter?: string): Promise<void> {
        await this.send('PUT', `devices/${device}/role`, { role, presenter });
    }

    async leases(): Promise<s.Leases> {
        return (await this.ask<{ lease_ms: s.Leases }>('GET', 'leases')).lease_ms;
    }

    async setLeases(leases: Partial<s.Leases>): Promise<s.Leases> {
        return (await this.ask<{ lease_ms: s.Leases }>('PUT', 'leases', { lease_ms: leases })).lease_ms;
    }

    async accounts(): Promise<s.AccountView[]> {
        return (await this.ask<{ accounts: s.AccountView[] }>('GET', 'accounts')).accounts;
    }

    invite(role: s.DeskRole): Promise<s.InvitationView> {
        return this.ask('POST', 'invitations', { role });
    }

    async removeAccount(account: string): Promise<void> {
        await this.send('DELETE', `accounts/${account}`);
    }

    async preview(code: string): Promise<s.PreviewView> {
        return (await request('POST', '/api/v1/devices/enrol/preview', {}, { code })).json() as Promise<s.PreviewView>;
    }

    async accept(code: string, name: string, password: string): Promise<string> {
        const answer = await request('POST', '/api/v1/invitations/accept', {}, { code, name, password });
        return ((await answer.json()) as { event_id: string }).event_id;
    }

    async eventsOf(name: string, password: string): Promise<s.AccountEventView[]> {
        const answer = await request('POST', '/api/v1/login/events', {}, { name, password });
        return ((await answer.json()) as { events: s.AccountEventView[] }).events;
    }

    async exportFile(format: s.ExportFormat): Promise<Blob> {
        return (await this.send('GET', `exports/${format}`)).blob();
    }

    async quarantine(): Promise<s.QuarantinedView[]> {
        return (await this.ask<{ entries: s.QuarantinedView[] }>('GET', 'quarantine')).entries;
    }

    settle(entry: number, decision: 'accept' | 'discard', note: string): Promise<s.SettledView> {
        return this.ask('POST', `quarantine/${entry}/${decision}`, { note });
    }

    /** With XMLHttpRequest, since `fetch` does not tell how much of a body has gone. */
    async importFile(file: Blob, source: string, sent: (part: number) => void): Promise<s.ImportView> {
        const token = await this.token();
        const query = source ? `?format=auto&source=${encodeURIComponent(source)}` : '?format=auto';
        return new Promise((done, fail) => {
            const request = new XMLHttpRequest();
            request.open('POST', this.path('imports') + query);
            request.setRequestHeader('Authorization', `Bearer ${token}`);
            request.setRequestHeader('Content-Type', 'application/octet-stream');
            request.upload.onprogress = ({ loaded, total }) => sent(total > 0 ? loaded / total : 0);
            request.onerror = () => fail(unreachable());
            request.onload = () => {
                if (request.status < 300) done(JSON.parse(request.responseText) as s.ImportView);
                else fail(failed(request.status, parse(request.responseText)));
            };
            request.send(file);
        });
    }

    private path(rest: string): string {
        return `/api/v1/events/${this.event()}/${rest}`;
    }

    private async ask<T>(method: string, rest: string, body?: unknown): Promise<T> {
        return (await this.send(method, rest, body)).json() as Promise<T>;
    }

    private async send(method: string, rest: string, body?: unknown): Promise<Response> {
        return request(method, this.path(rest), { Authorization: `Bearer ${await this.token()}` }, body);
    }
}

async function request(
    method: string,
    path: string,
    headers: Record<string, string>,
    body?: unknown,
): Promise<Response> {
    const options: RequestInit = { method, headers };
    if (body !== undefined) {
        options.headers = { ...headers, 'Content-Type': 'application/json' };
        options.body = JSON.stringify(body);
    }
    let answer: Response;
    try {
        answer = await fetch(path, options);
    } catch {
        throw unreachable();
    }
    if (!answer.ok) throw failed(answer.status, parse(await answer.text()));
    return answer;
}

function parse(text: string): Failure {
    try {
        return JSON.parse(text) as Failure;
    } catch {
        return {};
    }
}

function unreachable(): MusterError {
    return new MusterError(
        'unreachable',
        'needs_network',
        'the server cannot be reached: try again with a network',
        'no answer',
    );
}

/** When to try again follows from the status, as docs/API.md has it. */
function failed(status: number, { code, detail = '', request_id = '' }: Failure): MusterError {
    const retry: RetryClass =
        status === 429 || status === 503 ? 'transient' : status === 404 || status === 405 ? 'permanent' : 'needs_user';
    return new MusterError(code ?? 'not_muster', retry, detail, `status ${status}, request ${request_id}`);
}

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
        const headers: Record<string, string> = { Authorization: `Bearer ${await this.token()}` };
        const options: RequestInit = { method, headers };
        if (body !== undefined) {
            headers['Content-Type'] = 'application/json';
            options.body = JSON.stringify(body);
        }
        let answer: Response;
        try {
            answer = await fetch(this.path(rest), options);
        } catch {
            throw unreachable();
        }
        if (!answer.ok) throw failed(answer.status, parse(await answer.text()));
        return answer;
    }
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

import { preferences } from '../app/preferences.svelte';
import { makeReader, type Reader } from './reader';

/** What the camera is doing, or why it is not. */
export type CameraState = 'off' | 'starting' | 'on' | 'refused' | 'absent' | 'busy' | 'unsupported';

/** A badge that stays in view is one scan: it has to be gone for so long before it counts again. */
const GONE_MS = 1_500;

export class Camera {
    state = $state<CameraState>('off');
    cameras = $state.raw<MediaDeviceInfo[]>([]);
    torch = $state<boolean | null>(null);
    private stream: MediaStream | null = null;
    private run = 0;
    private last = { code: '', at: 0 };

    constructor(
        private readonly found: (code: string) => void,
        private readonly read: () => Promise<Reader> = makeReader,
    ) {}

    /** Whether it may start by itself: somebody allowed it before. */
    async allowed(): Promise<boolean> {
        try {
            const answer = await navigator.permissions.query({ name: 'camera' as PermissionName });
            return answer.state === 'granted';
        } catch {
            return false;
        }
    }

    async start(video: HTMLVideoElement): Promise<void> {
        this.stop();
        const mine = ++this.run;
        if (!navigator.mediaDevices?.getUserMedia) {
            this.state = 'unsupported';
            return;
        }
        this.state = 'starting';
        try {
            const stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: wanted() });
            if (mine !== this.run) {
                stop(stream);
                return;
            }
            this.stream = stream;
            video.srcObject = stream;
            await video.play();
            const all = await navigator.mediaDevices.enumerateDevices();
            this.cameras = all.filter(({ kind, deviceId }) => kind === 'videoinput' && deviceId !== '');
            this.torch = hasTorch(stream) ? false : null;
            this.state = 'on';
            void this.watch(video, mine);
        } catch (error) {
            if (mine === this.run) this.state = why(error);
        }
    }

    stop(): void {
        this.run += 1;
        if (this.stream) stop(this.stream);
        this.stream = null;
        this.torch = null;
        if (this.state === 'on' || this.state === 'starting') this.state = 'off';
    }

    async light(on: boolean): Promise<void> {
        const track = this.stream?.getVideoTracks()[0];
        if (!track) return;
        try {
            await track.applyConstraints({ advanced: [{ torch: on } as MediaTrackConstraintSet] });
            this.torch = on;
        } catch {
            this.torch = null;
        }
    }

    private async watch(video: HTMLVideoElement, mine: number): Promise<void> {
        const reader = await this.read();
        while (mine === this.run) {
            await frame(video);
            if (mine !== this.run) return;
            const code = await reader(video);
            if (code) this.see(code, performance.now());
        }
    }

    private see(code: string, at: number): void {
        const still = code === this.last.code && at - this.last.at < GONE_MS;
        this.last = { code, at };
        if (!still) this.found(code);
    }
}

function wanted(): MediaTrackConstraints {
    const size = { width: { ideal: 1280 }, height: { ideal: 720 } };
    return preferences.camera
        ? { ...size, deviceId: { ideal: preferences.camera } }
        : { ...size, facingMode: { ideal: 'environment' } };
}

function why(error: unknown): CameraState {
    const name = error instanceof DOMException ? error.name : '';
    if (name === 'NotAllowedError' || name === 'SecurityError') return 'refused';
    if (name === 'NotFoundError' || name === 'OverconstrainedError') return 'absent';
    return 'busy';
}

function hasTorch(stream: MediaStream): boolean {
    const track = stream.getVideoTracks()[0];
    return track !== undefined && 'torch' in (track.getCapabilities?.() ?? {});
}

function stop(stream: MediaStream): void {
    for (const track of stream.getTracks()) track.stop();
}

function frame(video: HTMLVideoElement): Promise<void> {
    return new Promise((next) => {
        if ('requestVideoFrameCallback' in video) video.requestVideoFrameCallback(() => next());
        else requestAnimationFrame(() => next());
    });
}

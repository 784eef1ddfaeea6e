import { app } from '../app/app.svelte';

/** Reads the QR code in what a video shows; none if there is none. */
export type Reader = (video: HTMLVideoElement) => Promise<string | null>;

interface Detector {
    detect(source: HTMLVideoElement): Promise<{ rawValue: string }[]>;
}
interface DetectorClass {
    new (options: { formats: string[] }): Detector;
    getSupportedFormats(): Promise<string[]>;
}

/** The browser's own reader where there is one, which is fast and in hardware; the core's otherwise. */
export async function makeReader(): Promise<Reader> {
    const found = (globalThis as { BarcodeDetector?: DetectorClass }).BarcodeDetector;
    const formats = found ? await found.getSupportedFormats().catch(() => []) : [];
    return found && formats.includes('qr_code') ? byBrowser(new found({ formats: ['qr_code'] })) : byCore();
}

function byBrowser(detector: Detector): Reader {
    return async (video) => {
        try {
            const [code] = await detector.detect(video);
            return code?.rawValue || null;
        } catch {
            // A frame that is not there yet; the next one will be.
            return null;
        }
    };
}

/** Wide enough for a code that fills a third of the picture, small enough to look at many times a second. */
const WIDTH = 800;

function byCore(): Reader {
    const canvas = document.createElement('canvas');
    const context = canvas.getContext('2d', { willReadFrequently: true });
    return async (video) => {
        if (!context || video.videoWidth === 0) return null;
        const scale = Math.min(1, WIDTH / video.videoWidth);
        canvas.width = Math.round(video.videoWidth * scale);
        canvas.height = Math.round(video.videoHeight * scale);
        context.drawImage(video, 0, 0, canvas.width, canvas.height);
        try {
            return await app.core.decodeQr(context.getImageData(0, 0, canvas.width, canvas.height));
        } catch {
            return null;
        }
    };
}

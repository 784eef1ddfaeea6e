/** Asks the reader of pictures, which is loaded with the first one. */
import type { Picture, Read } from './worker';

let reader: Worker | null = null;
let next = 0;
const waiting = new Map<number, (text: string | null) => void>();

function started(): Worker {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'muster-qr' });
    worker.onmessage = ({ data }: MessageEvent<Read>) => {
        waiting.get(data.picture)?.(data.text);
        waiting.delete(data.picture);
    };
    // It cannot be loaded, or ended: the pictures that wait hold nothing, and the next one tries anew.
    worker.onerror = (event) => {
        event.preventDefault();
        worker.terminate();
        if (reader === worker) reader = null;
        for (const told of waiting.values()) told(null);
        waiting.clear();
    };
    return worker;
}

/** The text of a QR code in the picture; none if there is none. The picture is given away. */
export function decodeQr(image: ImageData): Promise<string | null> {
    reader ??= started();
    const [worker, picture] = [reader, (next += 1)];
    return new Promise((resolve) => {
        waiting.set(picture, resolve);
        worker.postMessage({ picture, image } satisfies Picture, [image.data.buffer]);
    });
}

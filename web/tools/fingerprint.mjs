// A picture as a few numbers: its size, and how bright it is in each field of a grid. Small enough to keep beside the code,
// and it survives that machines draw letters a little differently.
import { PNG } from 'pngjs';

const COLUMNS = 18;
/** How much fields may differ: in steps of sixteenths, as the mean of the worst twentieth. */
export const TOLERANCE = 1.5;

/** `width`x`height`:one hexadecimal digit a field. */
export function fingerprint(file) {
    const { width, height, data } = PNG.sync.read(file);
    const rows = Math.max(1, Math.round((COLUMNS * height) / width));
    const [sums, counts] = [new Float64Array(COLUMNS * rows), new Uint32Array(COLUMNS * rows)];
    for (let y = 0; y < height; y += 2) {
        const row = Math.min(rows - 1, Math.floor((y * rows) / height));
        for (let x = 0; x < width; x += 2) {
            const field = row * COLUMNS + Math.floor((x * COLUMNS) / width);
            const pixel = (y * width + x) * 4;
            sums[field] += 0.3 * data[pixel] + 0.59 * data[pixel + 1] + 0.11 * data[pixel + 2];
            counts[field] += 1;
        }
    }
    const digits = [...sums].map((sum, field) =>
        Math.min(15, Math.floor(sum / Math.max(1, counts[field]) / 16)).toString(16),
    );
    return `${width}x${rows}:${digits.join('')}`;
}

export function difference(one, other) {
    const [sizeOne = '', fieldsOne = ''] = one.split(':');
    const [sizeOther = '', fieldsOther = ''] = other.split(':');
    const [width, rows] = sizeOne.split('x').map(Number);
    const [otherWidth, otherRows] = sizeOther.split('x').map(Number);
    // Other letters may break a line more or less; a screen that grew by a tenth has changed.
    if (width !== otherWidth || Math.abs(rows - otherRows) > Math.max(1, rows * 0.1)) return Infinity;
    const length = Math.min(fieldsOne.length, fieldsOther.length);
    const steps = Array.from({ length }, (_, at) =>
        Math.abs(parseInt(fieldsOne[at], 16) - parseInt(fieldsOther[at], 16)),
    );
    const worst = steps.sort((a, b) => b - a).slice(0, Math.max(1, Math.ceil(length / 20)));
    return worst.reduce((sum, step) => sum + step, 0) / worst.length;
}

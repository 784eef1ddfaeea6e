// A picture as a few letters: how bright each field of a grid is, and its colour, four fields together. Small enough to keep
// beside the code, and it survives that browsers smooth letters a little differently.
import { PNG } from 'pngjs';

/** The side of a field on a phone; a wide screen has as many fields in a row as this allows, and no more than `COLUMNS`. */
const SIDE = 20;
const COLUMNS = 36;
/** How much fields may differ: in sixty-fourths of all the way from black to white, as the mean of the worst hundredth. The
 * same browser with the same letters differs by nothing; one icon that is gone, by four. */
export const TOLERANCE = 2;

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** `columns`x`rows`x`side`:brightness:blueness:redness, one letter a field or four fields. */
export function fingerprint(file) {
    const { width, height, data } = PNG.sync.read(file);
    const side = Math.max(SIDE, Math.ceil(width / COLUMNS));
    const fine = grid(width, height, side);
    const coarse = [grid(width, height, 2 * side), grid(width, height, 2 * side)];
    for (let y = 0; y < height; y += 2) {
        for (let x = 0; x < width; x += 2) {
            const pixel = (y * width + x) * 4;
            const [red, green, blue] = [data[pixel], data[pixel + 1], data[pixel + 2]];
            const bright = 0.3 * red + 0.59 * green + 0.11 * blue;
            fine.add(x, y, bright);
            coarse[0].add(x, y, 128 + (blue - bright) / 2);
            coarse[1].add(x, y, 128 + (red - bright) / 2);
        }
    }
    return `${fine.columns}x${fine.rows}x${side}:${[fine, ...coarse].map((each) => each.letters()).join(':')}`;
}

function grid(width, height, side) {
    const [columns, rows] = [Math.ceil(width / side), Math.ceil(height / side)];
    const [sums, counts] = [new Float64Array(columns * rows), new Uint32Array(columns * rows)];
    return {
        columns,
        rows,
        add(x, y, value) {
            const field = Math.floor(y / side) * columns + Math.floor(x / side);
            sums[field] += value;
            counts[field] += 1;
        },
        letters: () => [...sums].map((sum, field) => LETTERS[Math.floor(sum / counts[field] / 4)]).join(''),
    };
}

/** How much two pictures differ, and where most. */
export function difference(one, other) {
    const [size, ...planes] = one.split(':');
    const [otherSize, ...otherPlanes] = other.split(':');
    const [columns, rows, side] = size.split('x').map(Number);
    const [otherColumns, otherRows] = otherSize.split('x').map(Number);
    // A pixel more or less may be a row more or less.
    if (columns !== otherColumns || Math.abs(rows - otherRows) > 1)
        return { by: Infinity, where: `it is of another size: ${otherSize}, was ${size}` };
    const found = planes.map((letters, at) => {
        const width = at === 0 ? columns : Math.ceil(columns / 2);
        const both = Math.min(letters.length, otherPlanes[at].length);
        const steps = [...letters.slice(0, both)].map((letter, field) => ({
            step: Math.abs(LETTERS.indexOf(letter) - LETTERS.indexOf(otherPlanes[at][field])),
            field,
        }));
        const worst = steps.sort((a, b) => b.step - a.step).slice(0, Math.ceil(both / 100));
        const [x, y] = [worst[0].field % width, Math.floor(worst[0].field / width)].map(
            (place) => place * side * (at === 0 ? 1 : 2),
        );
        const by = worst.reduce((sum, { step }) => sum + step, 0) / worst.length;
        return { by, where: `${['brightness', 'blue', 'red'][at]} by ${by.toFixed(1)}, most at ${x},${y}` };
    });
    return found.sort((a, b) => b.by - a.by)[0];
}

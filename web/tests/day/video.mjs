/** A video for a browser's fake camera: a QR code as a camera sees it, in the uncompressed format that Chromium plays. */
import { writeFile } from 'node:fs/promises';
import { encode } from 'uqr';

const [WIDTH, HEIGHT] = [640, 480];
const FRAMES = 10;

/** Writes a video of the code, so many pixels a module, turned by so many degrees, as blurred as a hand that moves. */
export async function video(file, text, { scale = 6, degrees = 0, blur = 0, paper = 235, ink = 20 } = {}) {
    const code = encode(text, { ecc: 'M', border: 4 });
    const [sin, cos] = [Math.sin((degrees * Math.PI) / 180), Math.cos((degrees * Math.PI) / 180)];
    let luma = new Uint8Array(WIDTH * HEIGHT).fill(110);
    for (let y = 0; y < HEIGHT; y++) {
        for (let x = 0; x < WIDTH; x++) {
            const [dx, dy] = [x - WIDTH / 2, y - HEIGHT / 2];
            const column = Math.floor((dx * cos + dy * sin) / scale + code.size / 2);
            const row = Math.floor((dy * cos - dx * sin) / scale + code.size / 2);
            const dark = code.data[row]?.[column];
            if (dark !== undefined) luma[y * WIDTH + x] = dark ? ink : paper;
        }
    }
    for (let pass = 0; pass < blur; pass++) luma = blurred(luma);
    const frame = Buffer.concat([Buffer.from('FRAME\n'), luma, Buffer.alloc((WIDTH * HEIGHT) / 2, 128)]);
    const head = Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F10:1 Ip A1:1 C420\n`);
    await writeFile(file, Buffer.concat([head, ...Array.from({ length: FRAMES }, () => frame)]));
}

/** Every pixel as the mean of itself and those around it. */
function blurred(luma) {
    const out = Uint8Array.from(luma);
    for (let y = 1; y < HEIGHT - 1; y++) {
        for (let x = 1; x < WIDTH - 1; x++) {
            let sum = 0;
            for (let dy = -1; dy <= 1; dy++) for (let dx = -1; dx <= 1; dx++) sum += luma[(y + dy) * WIDTH + x + dx];
            out[y * WIDTH + x] = Math.round(sum / 9);
        }
    }
    return out;
}

/** Puts the built app where the server's build takes it from, each file also compressed, and says how large it is. */
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const WEB = resolve(import.meta.dirname, '..');
const [DIST, EMBED] = [join(WEB, 'dist'), join(WEB, 'embed')];

/** What is in the folder for those who look at it. */
const KEPT = ['README.md', '.gitignore'];

/** What is compressed already. */
const DENSE = /\.(png|webp|woff2|ogg|mp3|ico)$/;

for (const name of await readdir(EMBED)) {
    if (!KEPT.includes(name)) await rm(join(EMBED, name), { recursive: true });
}
let total = 0;
for (const entry of await readdir(DIST, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const from = join(entry.parentPath, entry.name);
    const to = join(EMBED, from.slice(DIST.length));
    const bytes = await readFile(from);
    await mkdir(dirname(to), { recursive: true });
    await writeFile(to, bytes);
    if (DENSE.test(entry.name)) {
        total += bytes.length;
        continue;
    }
    const gzip = gzipSync(bytes, { level: 9 });
    // The smallest file need not be compressed to be small.
    if (gzip.length < bytes.length) {
        await writeFile(`${to}.gz`, gzip);
        await writeFile(`${to}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
    }
    total += Math.min(gzip.length, bytes.length);
    if (entry.name.endsWith('.wasm')) console.log(`${entry.name}: ${kilobytes(gzip.length)} gzipped`);
}
console.log(`the app: ${kilobytes(total)} gzipped, in web/embed for the next build of muster`);

function kilobytes(bytes) {
    return `${Math.round(bytes / 1000)} KB`;
}

/** Puts the built app where the server's build takes it from, each file also compressed, and says how large it is. */
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const WEB = resolve(import.meta.dirname, '..');
const [DIST, EMBED] = [join(WEB, 'dist'), join(WEB, 'embed')];

/** What is in the folder for those who look at it. */
const KEPT = ['README.md', '.gitignore'];

/** What is compressed already. */
const DENSE = /\.(png|webp|woff2|ogg|mp3|ico)$/;

/** The files of a folder and of those in it. */
async function filesOf(folder) {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

const written = new Set(KEPT.map((name) => join(EMBED, name)));
/** Writes what is not there yet: a server need not be built again for files that are the same. */
async function put(path, bytes) {
    written.add(path);
    const there = await readFile(path).catch(() => null);
    if (there?.equals(bytes)) return;
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
}

let total = 0;
for (const from of await filesOf(DIST)) {
    const to = join(EMBED, from.slice(DIST.length));
    const bytes = await readFile(from);
    if (DENSE.test(from)) {
        await put(to, bytes);
        total += bytes.length;
        continue;
    }
    const gzip = gzipSync(bytes, { level: 9 });
    // The smallest file need not be compressed to be small.
    if (gzip.length < bytes.length) {
        const same = (await readFile(to).catch(() => null))?.equals(bytes);
        const kept = same ? await readFile(`${to}.br`).catch(() => null) : null;
        const best = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } };
        await put(`${to}.br`, kept ?? brotliCompressSync(bytes, best));
        await put(`${to}.gz`, gzip);
    }
    // Last, so that what was compressed of another file is never taken for this one's when the work ends in between.
    await put(to, bytes);
    total += Math.min(gzip.length, bytes.length);
    if (from.endsWith('.wasm')) console.log(`${basename(from)}: ${kilobytes(gzip.length)} gzipped`);
}
for (const path of await filesOf(EMBED)) if (!written.has(path)) await rm(path);
console.log(`the app: ${kilobytes(total)} gzipped, in web/embed for the next build of muster`);

function kilobytes(bytes) {
    return `${Math.round(bytes / 1000)} KB`;
}

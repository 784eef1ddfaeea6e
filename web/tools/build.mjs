// Builds the app, then the service worker around the list of its files.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import { injectManifest } from 'workbox-build';

// What has the fake in it lies elsewhere, so that nobody is ever given it.
const dist = process.env.VITE_CORE === 'fake' ? 'dist-fake' : 'dist';
/** What the screens may weigh, gzipped: scripts and styles. The core's module is measured where it is built. */
const LIMIT_KIB = 280;

await build({ build: { outDir: dist } });
await build({
    configFile: false,
    publicDir: false,
    logLevel: 'warn',
    define: { 'process.env.NODE_ENV': '"production"' },
    build: {
        outDir: dist,
        emptyOutDir: false,
        target: 'es2022',
        lib: { entry: 'src/sw.ts', formats: ['es'], fileName: () => 'sw.js' },
    },
});
const { count, warnings } = await injectManifest({
    globDirectory: dist,
    globPatterns: ['**/*.{html,js,css,wasm,svg,webmanifest}', 'icon-192.png'],
    globIgnores: ['sw.js'],
    // Vite's names carry a hash of what is in the file: no other revision is needed.
    dontCacheBustURLsMatching: /^assets\//,
    // The core's module above all: what is too large for this would not be there without a network.
    maximumFileSizeToCacheInBytes: 16 * 1024 * 1024,
    swSrc: join(dist, 'sw.js'),
    swDest: join(dist, 'sw.js'),
});

const sizes = {};
for (const path of await readdir(dist, { recursive: true })) {
    const kind = path.match(/\.(js|css|html|wasm|svg|webmanifest)$/)?.[1];
    if (kind) sizes[kind] = (sizes[kind] ?? 0) + gzipSync(await readFile(join(dist, path)), { level: 9 }).length;
}
const total = Object.values(sizes).reduce((sum, size) => sum + size, 0);
const said = Object.entries(sizes).map(([kind, size]) => `${kind} ${(size / 1024).toFixed(1)}`);
console.log(`precached: ${count} files; gzipped KiB: ${said.join(', ')}, in all ${(total / 1024).toFixed(1)}`);
const own = (sizes.js ?? 0) + (sizes.css ?? 0);
const faults = [...warnings, ...(own > LIMIT_KIB * 1024 ? [`scripts and styles are more than ${LIMIT_KIB} KiB`] : [])];
for (const fault of faults) console.error(fault);
process.exitCode = faults.length > 0 ? 1 : 0;

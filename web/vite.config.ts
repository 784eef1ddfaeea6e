import { svelte } from '@sveltejs/vite-plugin-svelte';
import { readFileSync } from 'node:fs';
import { defineConfig } from 'vite';

/** The one version of everything in this repository. */
const version = /^version = "(.+)"/m.exec(readFileSync(new URL('../Cargo.toml', import.meta.url), 'utf8'))?.[1] ?? '';

export default defineConfig({
    plugins: [svelte()],
    define: { __APP_VERSION__: JSON.stringify(version) },
    build: {
        target: 'es2022',
        // Small files would become data: addresses, which the server's content security policy need not allow.
        assetsInlineLimit: 0,
        modulePreload: { polyfill: false },
    },
    worker: { format: 'es' },
    server: { proxy: { '/api': 'http://127.0.0.1:8400', '/sync': { target: 'ws://127.0.0.1:8400', ws: true } } },
});

import { defineConfig } from 'vite';

export default defineConfig({
    root: import.meta.dirname,
    build: {
        target: 'es2022',
        assetsInlineLimit: 0,
        modulePreload: { polyfill: false },
        outDir: '../../harness-dist',
        emptyOutDir: true,
    },
    worker: { format: 'es' },
});

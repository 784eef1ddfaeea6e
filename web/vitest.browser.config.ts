import { defineConfig } from 'vitest/config';

/** Stories in a real browser, on what `npm run build:fake` has built. */
export default defineConfig({
    test: { include: ['tests/browser/**/*.test.ts'], testTimeout: 60_000, maxWorkers: 2 },
});

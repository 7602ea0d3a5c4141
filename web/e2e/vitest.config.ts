import { defineConfig } from 'vitest/config';

// The SPA in a real browser on the real product. One file after the other: each starts a stack of its own.
export default defineConfig({
  test: {
    include: ['e2e/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 240_000,
    reporters: ['verbose'],
  },
});

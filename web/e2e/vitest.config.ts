import { defineConfig } from 'vitest/config';

// The SPA in a real browser on a real stack. Files run one after the other, because each starts its own stack.
export default defineConfig({
  test: {
    include: ['e2e/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 240_000,
    reporters: ['verbose'],
  },
});

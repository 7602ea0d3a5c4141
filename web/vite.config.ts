import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** Serves MSW's worker from its package in `dev:mock` only, so that builds never contain it. */
function mockWorker(): Plugin {
  return {
    name: 'mock-worker',
    apply: 'serve',
    configureServer(server) {
      server.middlewares.use('/mockServiceWorker.js', (_request, response) => {
        response.setHeader('Content-Type', 'text/javascript');
        response.end(readFileSync(createRequire(import.meta.url).resolve('msw/mockServiceWorker.js')));
      });
    },
  };
}

const backend = process.env['ORDERS_BACKEND'] ?? 'http://127.0.0.1:8080';

export default defineConfig(({ mode }) => ({
  plugins: [react(), ...(mode === 'mock' ? [mockWorker()] : [])],
  build: {
    outDir: '../orders-actor/webui/dist',
    emptyOutDir: true,
    target: 'es2022',
    // The Content-Security-Policy forbids data: URLs and inline code.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    fs: { allow: ['..'] }, // the order's state machine is in api/
    ...(mode === 'mock' ? {} : { proxy: { '/v1': backend, '/docs': backend, '/openapi.yaml': backend } }),
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/test/setup.ts'],
    restoreMocks: true,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
}));

// Fails when the built SPA exceeds its size budget.
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const kB = 1000;
const budget = { initialJS: 120 * kB, css: 10 * kB, lazyJS: 40 * kB };

const dist = new URL('../../orders-actor/webui/dist/', import.meta.url);
const size = (name) => gzipSync(readFileSync(new URL(name, dist)), { level: 9 }).length;
const html = readFileSync(new URL('index.html', dist), 'utf8');
const initial = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)].map((match) => match[1]);
const assets = readdirSync(new URL('assets/', dist)).map((name) => `assets/${name}`);
const sum = (names) => names.reduce((total, name) => total + size(name), 0);

const checks = [
  ['initial JS', sum(initial), budget.initialJS],
  ['CSS', sum(assets.filter((name) => name.endsWith('.css'))), budget.css],
  ...assets
    .filter((name) => name.endsWith('.js') && !initial.includes(name))
    .map((name) => [name, size(name), budget.lazyJS]),
];

for (const [what, bytes, limit] of checks) {
  const verdict = bytes <= limit ? 'ok' : 'TOO LARGE';
  console.log(`${(bytes / kB).toFixed(1).padStart(7)} kB of ${limit / kB} kB  ${verdict}  ${what}`);
  if (bytes > limit) process.exitCode = 1;
}
if (initial.length === 0) throw new Error('index.html has no script');

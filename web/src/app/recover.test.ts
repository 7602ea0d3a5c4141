import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const script = readFileSync('public/recover.js', 'utf8');
const flush = () => new Promise((done) => setImmediate(done));

class HTMLScriptElement {
  constructor(readonly src: string) {}
}
class HTMLLinkElement {
  constructor(readonly href: string) {}
}

/** Runs the script with a fake browser. */
function page() {
  const storage = new Map<string, string>();
  const state = { now: 0, up: true, asked: 0, reloads: 0, root: { childElementCount: 0, textContent: '' } };
  const timers: (() => void)[] = [];
  let listeners = new Map<string, (event: { target?: unknown }) => void>();
  const reload = () => {
    state.reloads++;
    load();
  };
  const location = { href: 'https://orders.test/', reload };
  const browser = {
    HTMLScriptElement,
    HTMLLinkElement,
    location,
    addEventListener: (type: string, listener: (event: object) => void) => listeners.set(type, listener),
    document: { getElementById: () => state.root },
    fetch: () => {
      state.asked++;
      return state.up ? Promise.resolve({ ok: true }) : Promise.reject(new TypeError('unreachable'));
    },
    sessionStorage: {
      getItem: (name: string) => storage.get(name) ?? null,
      setItem: (name: string, value: string) => void storage.set(name, value),
    },
    setTimeout: (work: () => void) => void timers.push(work),
    Date: { now: () => state.now },
  };
  function load() {
    listeners = new Map();
    // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call -- it is a classic script
    new Function(...Object.keys(browser), script)(...Object.values(browser));
  }
  load();
  const tell = async (type: string, target?: unknown) => {
    listeners.get(type)?.({ target });
    await flush();
  };
  return { state, location, timers, tell, miss: () => tell('orders:part-missing') };
}

it.each([
  [new HTMLScriptElement('https://orders.test/assets/index-1a2b.js'), 1],
  [new HTMLLinkElement('https://orders.test/assets/index-1a2b.css'), 1],
  [new HTMLLinkElement('https://orders.test/favicon.svg'), 0],
  [{}, 0],
])('reloads the page when a file of the build is missing: %o', async (target, reloads) => {
  const { state, tell } = page();
  await tell('error', target);
  expect(state.reloads).toBe(reloads);
});

it('reloads once for several missing files', async () => {
  const { state, miss } = page();
  await Promise.all([miss(), miss()]);
  expect([state.reloads, state.asked]).toEqual([1, 1]);
});

it('reloads at most three times within a minute, then shows a message', async () => {
  const { state, miss } = page();
  for (let n = 0; n < 4; n++) await miss();
  expect(state.reloads).toBe(3);
  expect(state.root.textContent).toMatch(/^This page couldn’t load/);
  state.now = 60_000;
  await miss();
  expect(state.reloads).toBe(4);
});

it('waits for an unreachable server, and does not reload after the user changed the page', async () => {
  const { state, location, timers, miss } = page();
  state.up = false;
  await miss();
  expect([state.reloads, timers.length]).toEqual([0, 1]);
  state.up = true;
  timers.shift()?.();
  await flush();
  expect(state.reloads).toBe(1);

  const recovery = miss();
  location.href = 'https://orders.test/new';
  await recovery;
  expect(state.reloads).toBe(1);
});

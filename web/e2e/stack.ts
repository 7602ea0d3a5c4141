import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

interface Reply {
  ok: boolean;
  error?: string;
  url?: string;
}

/** The stack that `make run` starts, on free ports and in its own folder. */
export class Stack {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #home: string;
  readonly #replies: AsyncIterator<string>;
  readonly #log: string[] = [];
  url = '';

  private constructor(home: string, settings: Record<string, string>) {
    this.#home = home;
    this.#process = spawn(resolve('../bin/stack'), ['-home', home, 'control'], {
      cwd: resolve('..'),
      env: { ...process.env, ...settings },
    });
    this.#process.stderr.setEncoding('utf8').on('data', (text: string) => this.#log.push(text));
    this.#replies = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** Resolves when everything is ready. */
  static async start(settings: Record<string, string> = {}): Promise<Stack> {
    const stack = new Stack(await mkdtemp(join(tmpdir(), 'orders-e2e-')), settings);
    try {
      await stack.#read();
    } catch (error) {
      await stack.close();
      throw error;
    }
    return stack;
  }

  async #read(): Promise<void> {
    const line = await this.#replies.next();
    const reply = (line.done ? { ok: false, error: 'the stack exited' } : JSON.parse(line.value)) as Reply;
    if (!reply.ok)
      throw new Error(`${reply.error ?? 'the stack failed'}\n${this.#log.join('').slice(-4000)}`);
    this.url = reply.url ?? this.url;
  }

  async #request(request: { do: string; part?: string }): Promise<void> {
    this.#process.stdin.write(JSON.stringify(request) + '\n');
    await this.#read();
  }

  /** Kills a process of the stack. */
  kill(part: string): Promise<void> {
    return this.#request({ do: 'kill', part });
  }

  /** Starts a killed process, and resolves when it is ready. */
  restart(part: string): Promise<void> {
    return this.#request({ do: 'start', part });
  }

  async close(): Promise<void> {
    const ended = new Promise((done) => this.#process.once('close', done));
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      this.#process.stdin.end(); // end of input stops the stack
      await ended;
    }
    await rm(this.#home, { recursive: true, force: true });
  }

  /** A token of dev mode. */
  async token(user: string, role: 'customer' | 'operator' = 'customer'): Promise<string> {
    const reply = await fetch(`${this.url}/v1/dev/token`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ user, role }),
    });
    return ((await reply.json()) as { token: string }).token;
  }

  /** Creates an order by the API, and returns its id. */
  async create(user: string, name = 'Green tea'): Promise<string> {
    const reply = await fetch(`${this.url}/v1/orders`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${await this.token(user)}` },
      body: JSON.stringify({ items: [{ sku: 'tea-1', name, quantity: 2, unitPrice: 450 }], currency: 'EUR' }),
    });
    if (reply.status !== 201) throw new Error(`create: ${String(reply.status)} ${await reply.text()}`);
    return ((await reply.json()) as { id: string }).id;
  }

  /** The orders of a user. */
  async list(user: string): Promise<{ status: string }[]> {
    const reply = await fetch(`${this.url}/v1/orders`, {
      headers: { Authorization: `Bearer ${await this.token(user)}` },
    });
    return ((await reply.json()) as { orders: { status: string }[] }).orders;
  }

  /** Cancels an order by the API. */
  async cancel(user: string, id: string): Promise<void> {
    const reply = await fetch(`${this.url}/v1/orders/${id}/cancel`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${await this.token(user)}` },
    });
    if (!reply.ok) throw new Error(`cancel: ${String(reply.status)} ${await reply.text()}`);
  }
}

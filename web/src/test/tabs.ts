import type { Channel, Tabs } from '../live/feedAcrossTabs';

const aborted = () => new DOMException('aborted', 'AbortError');

interface Request {
  grant(): void;
  reject(error: DOMException): void;
}

/** A lock with the request that holds it and those that wait. */
class FakeLock {
  #holder: Request | undefined;
  #queue: Request[] = [];

  request({ steal = false, signal }: LockOptions, work: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const request: Request = {
        grant: () => {
          this.#holder = request;
          void Promise.resolve()
            .then(work)
            .then(() => {
              resolve();
              if (this.#holder !== request) return;
              this.#holder = undefined;
              this.#queue.shift()?.grant();
            });
        },
        reject,
      };
      signal?.addEventListener('abort', () => {
        this.#queue = this.#queue.filter((one) => one !== request);
        if (this.#holder !== request) reject(aborted());
      });
      if (steal) {
        this.#holder?.reject(aborted());
        request.grant();
      } else if (this.#holder) this.#queue.push(request);
      else request.grant();
    });
  }
}

/** The locks and channels of one browser. */
export class FakeBrowser {
  readonly #locks = new Map<string, FakeLock>();
  readonly #channels = new Set<EventTarget>();
  /** Whether posted messages are lost. */
  dropsMessages = false;

  readonly tabs: Tabs = {
    name: 'feed',
    locks: { request: (name, options, work) => this.#lock(name).request(options, work) },
    channel: () => this.#channel(),
  };

  /** Holds the lock without posting messages, like a suspended tab. */
  suspendedLeader() {
    void this.#lock(this.tabs.name)
      .request({}, () => new Promise(() => undefined))
      .catch(() => undefined);
  }

  #lock(name: string): FakeLock {
    const lock = this.#locks.get(name) ?? new FakeLock();
    this.#locks.set(name, lock);
    return lock;
  }

  #channel(): Channel {
    const target = new EventTarget();
    this.#channels.add(target);
    return Object.assign(target, {
      postMessage: (message: unknown) => {
        if (this.dropsMessages) return;
        const data = structuredClone(message);
        for (const other of this.#channels) {
          if (other === target) continue;
          queueMicrotask(() => {
            if (this.#channels.has(other)) other.dispatchEvent(new MessageEvent('message', { data }));
          });
        }
      },
      close: () => void this.#channels.delete(target),
    });
  }
}

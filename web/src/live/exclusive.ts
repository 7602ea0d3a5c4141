/**
 * Runs work in at most one tab at a time. Returns undefined when another tab runs it.
 *
 * Browsers offer Web Locks on https and localhost only. Elsewhere a lease in localStorage replaces them. Two tabs may take
 * it at the same moment, so the work must be idempotent. `leaseFor` is in ms.
 */
export async function exclusive<T>(
  name: string,
  leaseFor: number,
  work: () => Promise<T>,
): Promise<T | undefined> {
  const locks = navigator.locks as LockManager | undefined;
  if (locks) {
    return locks.request(name, { ifAvailable: true }, (lock) =>
      lock ? work() : Promise.resolve(undefined),
    ) as Promise<T | undefined>;
  }
  const renew = () => {
    try {
      localStorage.setItem(name, String(Date.now() + leaseFor));
    } catch {
      // Without storage there is no lease: every tab runs the work.
    }
  };
  const until = Number(read(name));
  if (until > Date.now() && until <= Date.now() + leaseFor) return undefined;
  renew();
  const renewal = setInterval(renew, leaseFor / 3);
  try {
    return await work();
  } finally {
    clearInterval(renewal);
    try {
      localStorage.removeItem(name);
    } catch {
      // See renew.
    }
  }
}

function read(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

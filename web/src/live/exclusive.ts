/**
 * Runs work in at most one tab at a time. Undefined when another tab is at it.
 *
 * Web Locks exist only on https and localhost. Without them a lease in localStorage does: two tabs may pass it in the same
 * instant, so the work must be safe to repeat.
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
      // Nothing can be shared between tabs: each works for itself.
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

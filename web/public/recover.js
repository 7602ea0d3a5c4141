// Reloads the page when one of its files can't be loaded. During a rollout the page may come from one release, and the
// request for a file may reach a server of another. This file has no hash in its name, so every release has it.
(() => {
  const NAME = 'orders.reloads';
  const LIMIT = 3; // reloads within PERIOD, so that a broken release does not reload forever
  const PERIOD = 60_000;
  const PAUSE = 3_000;
  let recovering = false;

  /** Counts a reload. False after too many, or without storage. */
  function mayReload() {
    try {
      const now = Date.now();
      const times = JSON.parse(sessionStorage.getItem(NAME) ?? '[]').filter((at) => now - at < PERIOD);
      if (times.length >= LIMIT) return false;
      sessionStorage.setItem(NAME, JSON.stringify([...times, now]));
      return true;
    } catch {
      return false;
    }
  }

  function giveUp() {
    const root = document.getElementById('root');
    if (root?.childElementCount === 0) {
      root.textContent = 'This page couldn’t load. Reload in a moment to get the latest version.';
    }
  }

  async function recover() {
    if (recovering) return;
    recovering = true;
    const { href } = location;
    // While the server is unreachable, a reload would show the browser's error page.
    while (
      !(await fetch('/', { cache: 'no-store' }).then(
        ({ ok }) => ok,
        () => false,
      ))
    ) {
      await new Promise((done) => setTimeout(done, PAUSE));
    }
    recovering = false;
    if (location.href !== href) return; // the user has opened another page, which works
    if (mayReload()) location.reload();
    else giveUp();
  }

  const isPart = (url) => new URL(url, location.href).pathname.startsWith('/assets/');
  addEventListener(
    'error',
    ({ target }) => {
      const url =
        target instanceof HTMLScriptElement ? target.src : target instanceof HTMLLinkElement && target.href;
      if (url && isPart(url)) void recover();
    },
    true,
  );
  addEventListener('orders:part-missing', () => void recover()); // from the app, when it can't show a page
})();

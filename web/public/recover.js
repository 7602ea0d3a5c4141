// Reloads the page when a part of it can't be loaded: while a new release is rolled out, the page may come from one release
// and a request for its part may reach a server of the other. This file has no hash in its name, so both releases have it.
(() => {
  const NAME = 'orders.reloads';
  const LIMIT = 3; // reloads within PERIOD: a release that is broken must not reload for ever
  const PERIOD = 60_000;
  const PAUSE = 3_000;
  let recovering = false;

  /** Counts this reload. False when there were too many, or when they can't be counted. */
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
    // While the server is away, a reload would replace the page by the browser's error page.
    while (
      !(await fetch('/', { cache: 'no-store' }).then(
        ({ ok }) => ok,
        () => false,
      ))
    ) {
      await new Promise((done) => setTimeout(done, PAUSE));
    }
    recovering = false;
    if (location.href !== href) return; // the user has gone on to a page that works
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
  addEventListener('orders:part-missing', () => void recover()); // from the app, for a page that is to be shown
})();

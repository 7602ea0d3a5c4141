import { Component, type ReactNode, useState } from 'react';
import { Message } from '../ui/Message';

/** Replaces a page that failed to load or to render. It is keyed by address, so another page is tried afresh. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    return this.state.failed ? <Failed /> : this.props.children;
  }
}

function Failed() {
  const [unreachable, setUnreachable] = useState(false);
  const reload = async () => {
    // While the server is unreachable, a reload would end in the browser's error page.
    const reachable = await fetch('/', { cache: 'no-store' }).then(
      ({ ok }) => ok,
      () => false,
    );
    if (reachable) location.reload();
    else setUnreachable(true);
  };
  return (
    <Message title="This page couldn’t load" level={1}>
      <p role="status">
        {unreachable
          ? 'Can’t reach the server. Try again in a moment.'
          : 'Check your connection, or reload to get the latest version.'}
      </p>
      <button type="button" onClick={() => void reload()}>
        Reload
      </button>
    </Message>
  );
}

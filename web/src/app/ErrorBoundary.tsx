import { Component, type ReactNode } from 'react';
import { Message } from '../ui/Message';

/** Replaces a page that failed to load or to render. It is keyed by address, so another page is tried afresh. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    return (
      <Message title="This page couldn’t load" level={1}>
        <p>Check your connection, or reload to get the latest version.</p>
        <button type="button" onClick={() => location.reload()}>
          Reload
        </button>
      </Message>
    );
  }
}

import { Component, type ReactNode } from 'react';
import { Message } from '../ui/Message';

/** A part of the app that couldn't be loaded, or broke: the rest goes on. A new address is a new try. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError() {
    return { broken: true };
  }

  override render() {
    if (!this.state.broken) return this.props.children;
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

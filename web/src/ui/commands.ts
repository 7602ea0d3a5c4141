/** What can be done on the pages that are shown, for the command palette. */
import { useEffect, useRef } from 'react';

export interface Command {
  name: string;
  run: () => void;
}

const sources = new Set<{ current: readonly Command[] }>();

/** Offers commands while the component is shown. */
export function useCommands(commands: readonly Command[]): void {
  const latest = useRef(commands);
  useEffect(() => {
    latest.current = commands;
  });
  useEffect(() => {
    sources.add(latest);
    return () => void sources.delete(latest);
  }, []);
}

export function currentCommands(): Command[] {
  return [...sources].flatMap(({ current }) => current);
}

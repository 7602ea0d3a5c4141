import type { ReactNode } from 'react';

/** The content of a page that has nothing else to show. */
export function Message({
  title,
  children,
  level = 2,
}: {
  title: string;
  children?: ReactNode;
  level?: 1 | 2;
}) {
  const Heading = level === 1 ? 'h1' : 'h2';
  return (
    <section className="message">
      <Heading>{title}</Heading>
      {children}
    </section>
  );
}

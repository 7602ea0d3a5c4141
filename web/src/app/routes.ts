/** The pages and their addresses. */
export type Route =
  { page: 'list' } | { page: 'new' } | { page: 'lab' } | { page: 'order'; id: string } | { page: 'unknown' };

export function parseRoute(address: string): Route {
  const path = address.split('?')[0] ?? '/';
  if (path === '/') return { page: 'list' };
  if (path === '/new') return { page: 'new' };
  if (path === '/lab') return { page: 'lab' };
  const id = /^\/orders\/([^/]+)$/.exec(path)?.[1];
  return id === undefined ? { page: 'unknown' } : { page: 'order', id };
}

import type { Backend } from './backend';
import { feedCursor } from './requests';

const HEARTBEAT = 15_000;

/** The changes after a position as server-sent events. */
export function stream(
  backend: Backend,
  after: number,
  user: string | undefined,
): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder();
  let stop: () => void = () => undefined;
  return new ReadableStream({
    start(controller) {
      const send = (text: string) => controller.enqueue(bytes.encode(`${text}\n\n`));
      const sendCursor = () => send(`id: ${feedCursor(sent)}`);
      let sent = after;
      send(`retry: 1000\nid: ${feedCursor(sent)}`);
      const changes = backend.head$.subscribe((head) => {
        for (const { position, order } of backend.changesAfter(sent, user)) {
          send(`event: order\nid: ${feedCursor(position)}\ndata: ${JSON.stringify(order)}`);
        }
        sent = head;
      });
      const heartbeat = setInterval(sendCursor, HEARTBEAT);
      stop = () => {
        changes.unsubscribe();
        clearInterval(heartbeat);
      };
    },
    cancel: () => stop(),
  });
}

import { Observable, type OperatorFunction } from 'rxjs';

export interface SseMessage {
  /** The last id that the stream told, also when this block had none. */
  id: string | undefined;
  event: string;
  data: string;
}

/** How much of one unfinished block is kept; an order is far smaller. */
const MAX_BLOCK = 1_000_000;

/**
 * Cuts a server-sent event stream into its blocks. Unlike EventSource it also tells of blocks without data: here an `id`
 * alone is the heartbeat, and it moves the cursor.
 */
export function parseSse(): OperatorFunction<string, SseMessage> {
  return (chunks) =>
    new Observable((subscriber) => {
      let buffer = '';
      let id: string | undefined;
      return chunks.subscribe({
        next: (chunk) => {
          buffer += chunk;
          if (buffer.length > MAX_BLOCK) {
            subscriber.error(new Error('an endless event'));
            return;
          }
          const blocks = buffer.split(/\r\n\r\n|\n\n|\r\r/);
          buffer = blocks.pop() ?? '';
          for (const block of blocks) {
            const message = { event: 'message', data: [] as string[] };
            for (const line of block.split(/\r\n|\n|\r/)) {
              const [, field, value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
              if (field === 'id') id = value;
              else if (field === 'event') message.event = value;
              else if (field === 'data') message.data.push(value);
            }
            subscriber.next({ id, event: message.event, data: message.data.join('\n') });
          }
        },
        error: (error: unknown) => subscriber.error(error),
        complete: () => subscriber.complete(),
      });
    });
}

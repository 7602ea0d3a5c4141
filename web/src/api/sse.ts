import { Observable, type OperatorFunction } from 'rxjs';

export interface SseMessage {
  /** The last id of the stream, which may be from an earlier block. */
  id: string | undefined;
  event: string;
  data: string;
}

/** The size limit of one block, in characters. An order is far smaller. */
const MAX_BLOCK = 1_000_000;

/**
 * Parses a stream of server-sent events. Unlike EventSource it also emits blocks without data: the server's heartbeat is an
 * `id` alone, which moves the cursor.
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
            subscriber.error(new Error('event exceeds the size limit'));
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

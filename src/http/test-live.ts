/** Watches a class as a browser does: reads server-sent events. */
import type { Json } from './test-app.ts';

export interface LiveEvent {
  id: string;
  event: string;
  data: Json;
}

export interface Watcher {
  status: number;
  headers: Headers;
  /** Comments, without their colon. */
  comments: string[];
  /** The next event that was not asked for yet; null: the server ended the stream. */
  next(): Promise<LiveEvent | null>;
  stop(): void;
}

export async function watchClass(
  url: string,
  classId: string,
  { token, lastEventId }: { token: string; lastEventId?: string },
): Promise<Watcher> {
  const aborted = new AbortController();
  const answer = await fetch(`${url}/api/classes/${classId}/live`, {
    headers: { authorization: `Bearer ${token}`, ...(lastEventId && { 'last-event-id': lastEventId }) },
    signal: aborted.signal,
  });
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  const comments: string[] = [];
  let text = '';
  return {
    status: answer.status,
    headers: answer.headers,
    comments,
    async next() {
      for (;;) {
        const end = text.indexOf('\n\n');
        if (end >= 0) {
          const lines = text.slice(0, end).split('\n');
          text = text.slice(end + 2);
          comments.push(...lines.filter((line) => line.startsWith(':')).map((line) => line.slice(1).trim()));
          const field = (name: string): string =>
            lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? '';
          if (field('data') !== '')
            return { id: field('id'), event: field('event'), data: JSON.parse(field('data')) };
          continue;
        }
        const read = await reader?.read();
        if (!read || read.done) return null;
        text += read.value;
      }
    },
    stop: () => aborted.abort(),
  };
}

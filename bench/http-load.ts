/**
 * Sends HTTP requests over kept-alive connections, cheaply, so that the cores are the server's: a request is written as
 * it is, of an answer the status and the length are read. Closed loop: each connection sends when it was answered. Open
 * loop: requests are due at a rate whatever the server does, and their latency counts from when they were due. A
 * connection whose request was refused with Retry-After sends the next one when that is over, as LiveKit does (DefaultBackoff
 * of hashicorp/go-retryablehttp); what is due meanwhile waits in the sender, as it does there.
 */
import { connect, type Socket } from 'node:net';
import { setImmediate as endOfTurn, setTimeout as sleep } from 'node:timers/promises';

export interface Answered {
  status: number;
  dueMs: number;
  sentMs: number;
  doneMs: number;
  /** Seconds; null: the answer says nothing of it. */
  retryAfter: number | null;
}

export interface LoadOptions {
  port: number;
  connections: number;
  forMs: number;
  /** A whole request of HTTP/1.1. */
  request: () => Buffer;
  /** Requests a second; closed loop when left out. */
  rate?: number;
  signal: AbortSignal;
}

export interface Load {
  answers: Answered[];
  /** Were sent, but not answered within the grace. */
  unanswered: number;
  /** Were due, but still waited in the sender at the end. */
  unsent: number;
  forMs: number;
}

const GRACE_MS = 15_000;
const MOST_IN_A_ROW = 16;
/** So much longer one may be than another. */
const SPARE_BYTES = 64;

export async function load(options: LoadOptions): Promise<Load> {
  const { rate, forMs, request, signal } = options;
  const answered = createLog();
  const idle: Connection[] = [];
  let open = true;
  let startMs = 0;
  /** Of the requests that come at the rate, counted from the start. */
  let sent = 0;
  // The first is due at once, and so none after the end.
  const due = (): number =>
    rate === undefined ? 0 : Math.ceil((Math.min(performance.now() - startMs, forMs) / 1_000) * rate);
  const sendNext = (connection: Connection): void =>
    connection.send(request(), startMs + (sent++ / (rate ?? 1)) * 1_000);
  const sendDue = (most: number): void => {
    for (let n = 0; n < most && sent < due(); n++) {
      const free = idle.pop();
      if (free === undefined) break;
      sendNext(free);
    }
  };
  const release = (connection: Connection): void => {
    if (open && sent < due()) sendNext(connection);
    else if (rate === undefined && open) connection.send(request(), performance.now());
    else idle.push(connection);
  };
  const connections = await Promise.all(
    Array.from({ length: options.connections }, () =>
      createConnection(options.port, (answer, connection) => {
        answered.add(answer);
        if (answer.retryAfter === null) release(connection);
        else if (!open) idle.push(connection);
        else setTimeout(() => release(connection), answer.retryAfter * 1_000);
      }),
    ),
  );
  startMs = performance.now();
  for (const connection of connections) release(connection);
  while (performance.now() - startMs < forMs && !signal.aborted) {
    sendDue(MOST_IN_A_ROW);
    // Answers are read between: whoever sends a crowd shall not hold them for late.
    if (sent < due() && idle.length > 0) await endOfTurn();
    // Not a turn of the loop each time: spinning would take a core from those who are measured. Where all are busy, whoever is
    // answered sends the next one.
    else await sleep(idle.length === 0 ? 20 : 1);
  }
  // What became due while this process had to wait for a core.
  sendDue(Number.POSITIVE_INFINITY);
  open = false;
  const untilMs = performance.now() + GRACE_MS;
  while (idle.length < connections.length && performance.now() < untilMs && !signal.aborted) await sleep(5);
  const unanswered = connections.length - idle.length;
  for (const connection of connections) connection.close();
  signal.throwIfAborted();
  return { answers: answered.all(), unanswered, unsent: Math.max(0, due() - sent), forMs };
}

/**
 * So many are made now, because it is not their making that is measured: side by side in one piece of memory, in which the
 * collector has nothing to look through.
 */
export function madeBefore(request: () => Buffer, count: number): () => Buffer {
  const first = request();
  const all = Buffer.allocUnsafeSlow(count * (first.length + SPARE_BYTES));
  const ends = new Uint32Array(count);
  let made = 0;
  for (let one = first, end = 0; ; one = request()) {
    end += one.copy(all, end);
    ends[made++] = end;
    if (made === count || all.length - end < first.length + SPARE_BYTES) break;
  }
  let sent = 0;
  return () => (sent < made ? all.subarray(sent === 0 ? 0 : ends[sent - 1], ends[sent++]) : request());
}

/** As plain numbers: a hundred thousand objects that stay would have the collector stop everything, again and again. */
function createLog() {
  const told: number[] = [];
  return {
    add({ status, dueMs, sentMs, doneMs, retryAfter }: Answered): void {
      told.push(status, dueMs, sentMs, doneMs, retryAfter ?? Number.NaN);
    },
    all(): Answered[] {
      const answers: Answered[] = [];
      for (let at = 0; at < told.length; at += 5) {
        const [status = 0, dueMs = 0, sentMs = 0, doneMs = 0, wait = 0] = told.slice(at, at + 5);
        answers.push({ status, dueMs, sentMs, doneMs, retryAfter: Number.isNaN(wait) ? null : wait });
      }
      return answers;
    },
  };
}

interface Connection {
  send(request: Buffer, dueMs: number): void;
  close(): void;
}

/** A server that closes the connection after its answer gets another one. */
async function createConnection(
  port: number,
  onAnswer: (answer: Answered, connection: Connection) => void,
): Promise<Connection> {
  let socket: Socket;
  let received = '';
  let asked: { dueMs: number; sentMs: number } | null = null;
  let closing = false;

  const onData = (data: Buffer): void => {
    received += data.toString('latin1');
    const head = received.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(received.slice(0, head))?.[1] ?? 0);
    const chunked = /transfer-encoding: chunked/i.test(received.slice(0, head));
    if (chunked ? !received.endsWith('0\r\n\r\n') : received.length < head + 4 + length) return;
    const status = Number(received.slice(9, 12));
    const told = /\r\nretry-after: (\d+)/i.exec(received.slice(0, head))?.[1];
    const retryAfter = told === undefined ? null : Number(told);
    closing = /\r\nconnection: close/i.test(received.slice(0, head));
    received = '';
    if (asked === null) return;
    const answer = { status, retryAfter, ...asked, doneMs: performance.now() };
    asked = null;
    if (!closing) onAnswer(answer, connection);
    else void reconnect().then(() => onAnswer(answer, connection));
  };
  const reconnect = async (): Promise<void> => {
    socket = connect(port, '127.0.0.1').setNoDelay(true);
    socket.on('data', onData);
    // A connection that breaks answers nobody: its request counts as unanswered.
    socket.on('error', () => {});
    await new Promise<void>((resolve) => socket.once('connect', resolve));
  };
  const connection: Connection = {
    send(request, dueMs) {
      asked = { dueMs, sentMs: performance.now() };
      // A server closes one on which nothing was ever asked (headersTimeout); a client's pool knows, and opens another.
      if (socket.readyState === 'open') socket.write(request);
      else void reconnect().then(() => socket.write(request));
    },
    close: () => void socket.destroy(),
  };
  await reconnect();
  return connection;
}

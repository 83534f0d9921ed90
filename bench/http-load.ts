/**
 * Sends HTTP requests over kept-alive connections, cheaply, so that the cores are the server's: a request is written as
 * it is, of an answer the status and the length are read. Closed loop: each connection sends when it was answered. Open
 * loop: deliveries of many rooms are due at a rate whatever the server does, and their latency counts from when they were due.
 * As LiveKit does it (resource_queue.go, and DefaultBackoff of hashicorp/go-retryablehttp): a room has one in flight, sends what was
 * refused again when Retry-After is over, and gives it up after five tries; what is due meanwhile waits in the room, which holds
 * no connection. LiveKit would drop what has waited so for half a minute (MaxAge); here it is sent when its turn comes.
 */
import { connect, type Socket } from 'node:net';
import { setImmediate as endOfTurn, setTimeout as sleep } from 'node:timers/promises';

/** Of each try. */
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
  /** At once; more cannot be in flight. */
  connections: number;
  forMs: number;
  /** A whole request of HTTP/1.1. */
  request: () => Buffer;
  /** Deliveries a second; closed loop when left out. */
  rate?: number;
  /** Of the open loop, in turns; as many as connections when left out. */
  rooms?: number;
  signal: AbortSignal;
}

export interface Load {
  startMs: number;
  forMs: number;
  answers: Answered[];
  /** Were sent, but not answered within the grace. */
  unanswered: number;
  /** Of the open loop: were due, but waited at the end, in their room or for their next try. */
  heldBack: number;
  /** Were refused at every try. */
  givenUp: number;
}

const GRACE_MS = 15_000;
const MOST_IN_A_ROW = 16;
const REST_MS = 1;
/** RetryMax of go-retryablehttp, and the first. */
const MOST_TRIES = 5;
/** So much longer one may be than another. */
const SPARE_BYTES = 64;
/** Five of each answer. */
const LOG_NUMBERS = 5 * 16_384;
/** A server says the same again and again, but for the time, which changes each second. */
const HEADS_KEPT = 64;
/** What is read is looked at before anything else is read. */
const READ = Buffer.allocUnsafeSlow(65_536);

interface Delivery {
  room: number;
  request: Buffer;
  dueMs: number;
  tries: number;
  /** When Retry-After is over, of one that was refused. */
  againMs: number;
}

/** What is to be sent. */
interface Source {
  start(): void;
  /** Takes in what is due by now, for the first time or again, until so many more are to be sent; true: there is more. */
  gather(most: number): boolean;
  /** Null: nothing is to be sent now. */
  next(): Delivery | null;
  answered(delivery: Delivery, answer: Answered): void;
  /** Nothing more is sent. */
  close(): void;
  heldBack(): number;
  givenUp(): number;
}

const NEVER = new Int32Array(new SharedArrayBuffer(4));
/**
 * What arrives meanwhile is read together, as network cards do it (interrupt coalescing). A process that waits for each answer
 * is woken by each, and that costs whoever answers as much again as the answer itself: over a network it would not.
 */
const rest = (): void => void Atomics.wait(NEVER, 0, 0, REST_MS);

export async function load(options: LoadOptions): Promise<Load> {
  const { forMs, signal, rate } = options;
  const log = createLog();
  const idle: Connection[] = [];
  const sendNext = (): boolean => {
    const free = idle.pop();
    if (free === undefined) return false;
    const delivery = source.next();
    if (delivery === null) idle.push(free);
    else free.send(delivery);
    return delivery !== null;
  };
  const sendAll = (): void => {
    while (sendNext());
  };
  const source = rate === undefined ? closedLoop(options) : openLoop(options, rate);
  const connections = await Promise.all(
    Array.from({ length: options.connections }, () =>
      createConnection(options.port, (connection, delivery, answer) => {
        log.add(answer);
        source.answered(delivery, answer);
        idle.push(connection);
        sendNext();
      }),
    ),
  );
  idle.push(...connections);
  const startMs = performance.now();
  source.start();
  while (performance.now() - startMs < forMs && !signal.aborted) {
    const more = source.gather(MOST_IN_A_ROW);
    sendAll();
    // Answers are read between: whoever sends a crowd shall not hold them for late.
    if (!more || idle.length === 0) rest();
    await endOfTurn();
  }
  // What became due while this process had to wait for a core.
  source.gather(Number.POSITIVE_INFINITY);
  sendAll();
  source.close();
  const untilMs = performance.now() + GRACE_MS;
  while (idle.length < connections.length && performance.now() < untilMs && !signal.aborted) await sleep(5);
  const unanswered = connections.length - idle.length;
  for (const connection of connections) connection.close();
  signal.throwIfAborted();
  return {
    ...{ startMs, forMs, answers: log.all(), unanswered },
    ...{ heldBack: source.heldBack(), givenUp: source.givenUp() },
  };
}

/** Something is always to be sent. */
function closedLoop({ request }: LoadOptions): Source {
  let open = false;
  return {
    start() {
      open = true;
    },
    gather: () => false,
    next() {
      if (!open) return null;
      return { room: 0, request: request(), dueMs: performance.now(), tries: 1, againMs: 0 };
    },
    answered() {},
    close() {
      open = false;
    },
    heldBack: () => 0,
    givenUp: () => 0,
  };
}

function openLoop({ request, forMs, connections, rooms = connections }: LoadOptions, rate: number): Source {
  let open = false;
  let startMs = 0;
  let gathered = 0;
  let inFlight = 0;
  let settled = 0;
  let givenUp = 0;
  /** Of each room: how many are due, how many of those were begun, and whether one is being sent or waits to be. */
  const due = new Uint32Array(rooms);
  const begun = new Uint32Array(rooms);
  const busy = new Uint8Array(rooms);
  const ready = createQueue<Delivery>();
  /** Refused, by the seconds of Retry-After: whoever is first in each comes first. A timer for each would cost more. */
  const refused = new Map<number, Queue<Delivery>>();

  // The first is due at once, and so none after the end.
  const dueByNow = (): number => Math.ceil((Math.min(performance.now() - startMs, forMs) / 1_000) * rate);
  const begin = (room: number): void => {
    const nth = (begun[room] ?? 0) * rooms + room;
    begun[room] = (begun[room] ?? 0) + 1;
    ready.push({ room, request: request(), dueMs: startMs + (nth / rate) * 1_000, tries: 0, againMs: 0 });
  };
  return {
    start() {
      open = true;
      startMs = performance.now();
    },
    gather(most) {
      const nowMs = performance.now();
      for (const queue of refused.values()) {
        for (let one = queue.first(); one !== null && one.againMs <= nowMs; one = queue.first()) {
          ready.push(one);
          queue.shift();
        }
      }
      const all = dueByNow();
      let toSend = 0;
      while (toSend < most && gathered < all) {
        const room = gathered++ % rooms;
        due[room] = (due[room] ?? 0) + 1;
        if (busy[room] === 1) continue;
        busy[room] = 1;
        begin(room);
        toSend++;
      }
      return gathered < all;
    },
    next() {
      const delivery = open ? ready.shift() : null;
      if (delivery === null) return null;
      delivery.tries++;
      inFlight++;
      return delivery;
    },
    answered(delivery, { retryAfter }) {
      const { room, tries } = delivery;
      inFlight--;
      if (retryAfter !== null && tries < MOST_TRIES) {
        delivery.againMs = performance.now() + retryAfter * 1_000;
        const queue = refused.get(retryAfter) ?? createQueue();
        refused.set(retryAfter, queue);
        return queue.push(delivery);
      }
      settled++;
      if (retryAfter !== null) givenUp++;
      if ((due[room] ?? 0) > (begun[room] ?? 0)) return begin(room);
      busy[room] = 0;
    },
    close() {
      open = false;
    },
    heldBack: () => gathered - settled - inFlight,
    givenUp: () => givenUp,
  };
}

interface Queue<T> {
  push(item: T): void;
  /** Null: there is none. */
  first(): T | null;
  shift(): T | null;
}

/** First in, first out; shift() of a long array moves all that is behind. */
function createQueue<T>(): Queue<T> {
  let items: T[] = [];
  let head = 0;
  return {
    push: (item) => void items.push(item),
    first: () => items[head] ?? null,
    shift() {
      const item = items[head];
      if (item === undefined) return null;
      head++;
      if (head === 4_096) {
        items = items.slice(head);
        head = 0;
      }
      return item;
    },
  };
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
  const full: Float64Array[] = [];
  let told = new Float64Array(LOG_NUMBERS);
  let end = 0;
  return {
    add({ status, dueMs, sentMs, doneMs, retryAfter }: Answered): void {
      if (end === LOG_NUMBERS) {
        full.push(told);
        told = new Float64Array(LOG_NUMBERS);
        end = 0;
      }
      told[end++] = status;
      told[end++] = dueMs;
      told[end++] = sentMs;
      told[end++] = doneMs;
      told[end++] = retryAfter ?? Number.NaN;
    },
    all(): Answered[] {
      const answers: Answered[] = [];
      for (const numbers of [...full, told.subarray(0, end)]) {
        for (let at = 0; at < numbers.length; at += 5) {
          const [status = 0, dueMs = 0, sentMs = 0, doneMs = 0, wait = 0] = numbers.subarray(at, at + 5);
          answers.push({ status, dueMs, sentMs, doneMs, retryAfter: Number.isNaN(wait) ? null : wait });
        }
      }
      return answers;
    },
  };
}

interface Connection {
  send(delivery: Delivery): void;
  close(): void;
}

/** A server that closes the connection after its answer gets another one. */
async function createConnection(
  port: number,
  onAnswer: (connection: Connection, delivery: Delivery, answer: Answered) => void,
): Promise<Connection> {
  let socket: Socket;
  let received = '';
  let asked: { delivery: Delivery; sentMs: number } | null = null;

  const onText = (text: string): void => {
    received += text;
    const end = received.indexOf('\r\n\r\n');
    if (end < 0) return;
    const { status, length, retryAfter, closing } = readHead(received.slice(0, end));
    const isWhole = length === null ? received.endsWith('0\r\n\r\n') : received.length >= end + 4 + length;
    if (!isWhole) return;
    received = '';
    if (asked === null) return;
    const { delivery, sentMs } = asked;
    const answer = { status, retryAfter, dueMs: delivery.dueMs, sentMs, doneMs: performance.now() };
    asked = null;
    if (!closing) onAnswer(connection, delivery, answer);
    else void reconnect().then(() => onAnswer(connection, delivery, answer));
  };
  const reconnect = async (): Promise<void> => {
    socket = connect({
      ...{ port, host: '127.0.0.1', noDelay: true },
      onread: {
        buffer: READ,
        callback: (bytes) => {
          onText(READ.toString('latin1', 0, bytes));
          return true;
        },
      },
    });
    // A connection that breaks answers nobody: its request counts as unanswered.
    socket.on('error', () => {});
    await new Promise<void>((resolve) => socket.once('connect', resolve));
  };
  const connection: Connection = {
    send(delivery) {
      const { request } = delivery;
      asked = { delivery, sentMs: performance.now() };
      // A server closes one on which nothing was ever asked (headersTimeout); a client's pool knows, and opens another.
      if (socket.readyState === 'open') socket.write(request);
      else void reconnect().then(() => socket.write(request));
    },
    close: () => void socket.destroy(),
  };
  await reconnect();
  return connection;
}

interface Head {
  status: number;
  /** Of the body; null: it comes in chunks. */
  length: number | null;
  retryAfter: number | null;
  closing: boolean;
}

const heads = new Map<string, Head>();

function readHead(text: string): Head {
  const known = heads.get(text);
  if (known !== undefined) return known;
  const told = (pattern: RegExp): number | null => {
    const value = pattern.exec(text)?.[1];
    return value === undefined ? null : Number(value);
  };
  const head = {
    status: Number(text.slice(9, 12)),
    length: /\r\ntransfer-encoding: chunked/i.test(text) ? null : (told(/\r\ncontent-length: (\d+)/i) ?? 0),
    retryAfter: told(/\r\nretry-after: (\d+)/i),
    closing: /\r\nconnection: close/i.test(text),
  };
  if (heads.size === HEADS_KEPT) heads.clear();
  heads.set(text, head);
  return head;
}

/**
 * `WS /ws/whiteboard/{id}`: presence over one socket, the same as over HTTP (whiteboard.ts). The token comes in the
 * `Authorization` header, as the subprotocol `rollcall.token.<token>` beside `rollcall` (a browser can send no header), or
 * in the query as `token`. `connection_id` in the query names the connection.
 *
 * From the client: `{"type": "heartbeat" | "connect" | "disconnect" | "status"}`; any other type is a sign of life. To it:
 * `connected`, `status` and `error`. Whoever is refused gets the HTTP answer that the call would give.
 */
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type WebSocket, WebSocketServer } from 'ws';
import { SILENCE_MS } from '../attendance/whiteboard-silence.ts';
import { inTenant } from '../db/client.ts';
import type { CloseReason } from '../db/schema.ts';
import type { WhosConnection } from '../db/whiteboard-connections.ts';
import { loggable } from '../loggable.ts';
import { isUuid } from '../uuid.ts';
import type { Kept, Peer } from '../whiteboard/kept-connection.ts';
import { HEARTBEAT_MS } from '../whiteboard/presence.ts';
import { tenantAdmission } from './admission.ts';
import { authenticator, IN_CLASS } from './authentication.ts';
import { problemOf } from './error-handler.ts';
import { iso } from './fields.ts';
import { parse } from './parse.ts';
import { notFound, Problem, problemBody, problemStatus, tryAgain } from './problem.ts';
import type { Deps } from './route.ts';
import { connectionStatus, socketQuery } from './whiteboard.ts';
import { mustBeOpen, whoseConnection } from './whiteboard-admission.ts';

const PATH = /^\/ws\/whiteboard\/([^/?]+)\/?$/i;
const PROTOCOL = 'rollcall';
const TOKEN_PROTOCOL = 'rollcall.token.';
/** A heartbeat takes twenty bytes. */
const MOST_BYTES = 4_096;
/** A heartbeat comes every 15 s; whoever sends so much has gone wild. */
const MOST_MESSAGES_A_SECOND = 100;
const LOOK_EVERY_MS = 1_000;
const GOODBYE_MS = 1_000;
const HANDSHAKE_MS = 15_000;
/** Whoever asks and does not read is cut off. */
const MOST_UNREAD_BYTES = 1024 * 1024;

/** RFC 6455 §7.4.1, and 1012 of IANA's registry. */
const CLOSE_CODES: Record<CloseReason, number> = {
  disconnected: 1000,
  class_over: 1000,
  lost: 1001,
  server_shutdown: 1012,
};

export interface WhiteboardSockets {
  /** For `upgrade` of the HTTP server. */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>;
  /** Pings, and gives up who is silent. Call it again and again. */
  look(): void;
  /** Lets nobody in any more, and cuts off who has not said goodbye a second later. */
  stop(): Promise<void>;
}

interface Seat extends Peer {
  seenMs: number;
  pingedMs: number;
  /** Gives it up without a word. */
  cut(how: 'lost' | 'disconnected'): void;
}

/** In the place of a client that went before it was let in. */
const NOBODY: Peer = { ping() {}, end() {} };

export function createWhiteboardSockets(deps: Deps): WhiteboardSockets {
  const { db, now, presence, log, callerLimit } = deps;
  const authenticate = authenticator(deps.config);
  const admit = tenantAdmission(db);
  const seats = new Set<Seat>();
  /** Every one that an upgrade has handed over: the HTTP server knows them no more. */
  const sockets = new Set<Duplex>();
  let stopping = false;
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: MOST_BYTES,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false),
  });

  /** Who may, and whose connection it is; it is open when this returns. */
  const enter = async (req: IncomingMessage) => {
    const url = URL.parse(req.url ?? '', 'http://here');
    if (url === null) throw notFound('path');
    const id = PATH.exec(url.pathname)?.[1];
    if (id === undefined) throw notFound('path');
    const { token, connection_id: name } = parse(socketQuery, Object.fromEntries(url.searchParams));
    const caller = await authenticate(authorizationOf(req, token));
    await admit(caller);
    await callerLimit.count(caller);
    if (!IN_CLASS.includes(caller.role)) {
      throw new Problem(
        'not-allowed',
        `role "${caller.role}" may not do that; it takes ${IN_CLASS.join(' or ')}`,
      );
    }
    if (!isUuid(id)) throw notFound('class');
    const ref = { tenantId: caller.tenantId, classId: id.toLowerCase() };
    return await inTenant(db, ref.tenantId, async (tx) => {
      const whose = await whoseConnection(tx, { caller, ref, name });
      await mustBeOpen(tx, whose, now());
      return { whose, opened: await presence.open(tx, whose) };
    });
  };

  const seat = (ws: WebSocket, whose: WhosConnection, opened: Parameters<typeof presence.keep>[1]): void => {
    const say = (message: Record<string, unknown>): void => {
      if (ws.bufferedAmount > MOST_UNREAD_BYTES) ws.terminate();
      else ws.send(JSON.stringify(message), () => {});
    };
    let how: 'lost' | 'disconnected' = 'disconnected';
    // Spread from the start: who comes together is not pinged together for ever.
    const own: Seat = {
      seenMs: now(),
      pingedMs: now() - Math.random() * HEARTBEAT_MS,
      ping() {
        own.pingedMs = now();
        ws.ping();
      },
      cut(as) {
        how = as;
        ws.terminate();
      },
      end: (reason) => ws.close(CLOSE_CODES[reason], reason),
    };
    const kept: Kept = presence.keep(whose, opened, own);
    seats.add(own);
    const alive = (kind: 'heartbeat' | 'life'): void => {
      own.seenMs = now();
      presence.sign(kept, kind);
    };
    const connected = () =>
      say({
        type: 'connected',
        session_id: whose.ref.classId,
        connection_id: whose.name,
        connected_at: iso(new Date(kept.connectedMs)),
        heartbeat_seconds: HEARTBEAT_MS / 1_000,
      });
    const tooMany = rateOf(MOST_MESSAGES_A_SECOND, now);

    ws.on('pong', () => alive('life'));
    ws.on('message', (data, isBinary) => {
      if (isBinary) return ws.close(1003, 'send text');
      if (tooMany()) return ws.close(1008, `at most ${MOST_MESSAGES_A_SECOND} messages a second`);
      const type = typeOf(String(data));
      alive(type === 'heartbeat' ? 'heartbeat' : 'life');
      if (type === null) {
        say({
          type: 'error',
          message: 'send {"type": "heartbeat"}, "connect", "disconnect" or "status" as JSON',
        });
      } else if (type === 'connect') connected();
      else if (type === 'status') void status();
      else if (type === 'disconnect') void leave();
    });
    ws.on('close', () => {
      seats.delete(own);
      presence.detach(kept, own, how);
    });
    // What is too large or no frame at all: ws closes with the code that says so.
    ws.on('error', (error) => log.debug({ failure: loggable(error) }, 'a whiteboard socket failed'));
    const told = (work: Promise<unknown>): Promise<void> =>
      work.then(
        () => {},
        (error: unknown) => say({ type: 'error', message: problemOf(error).message }),
      );
    let looking = false;
    /** One at a time: it reads the whole class. */
    const status = async (): Promise<void> => {
      if (looking) return;
      looking = true;
      await told(
        inTenant(db, whose.ref.tenantId, (tx) => connectionStatus(tx, whose.ref, deps)).then((found) =>
          say({ type: 'status', ...found }),
        ),
      );
      looking = false;
    };
    const leave = () => told(presence.disconnect(kept));
    connected();
  };

  return {
    async upgrade(req, socket, head) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.once('close', () => sockets.delete(socket));
      // No timeout of the HTTP server holds for it any more.
      const tooLong = setTimeout(() => socket.destroy(), HANDSHAKE_MS);
      socket.once('close', () => clearTimeout(tooLong));
      try {
        mustBeWebSocket(req);
        const { whose, opened } = await enter(req);
        let seated = false;
        if (!stopping) {
          // At once, or not at all where the client has gone meanwhile.
          server.handleUpgrade(req, socket, head, (ws) => {
            clearTimeout(tooLong);
            seat(ws, whose, opened);
            seated = true;
          });
        }
        if (!seated) presence.detach(presence.keep(whose, opened, NOBODY), NOBODY, 'disconnected');
        if (stopping) throw tryAgain('the server is stopping', 1);
      } catch (error) {
        const problem = problemOf(error);
        if (problem.code === 'internal-error')
          log.error({ failure: loggable(error) }, 'a socket was not opened');
        refuse(socket, problem);
      }
    },
    look() {
      const nowMs = now();
      for (const one of seats) {
        if (nowMs - one.seenMs > SILENCE_MS) one.cut('lost');
        else if (nowMs - one.pingedMs >= HEARTBEAT_MS) one.ping();
      }
    },
    async stop() {
      stopping = true;
      for (let waitedMs = 0; sockets.size > 0 && waitedMs < GOODBYE_MS; waitedMs += 50) await sleep(50);
      for (const socket of sockets) socket.destroy();
    },
  };
}

export const isWebSocket = ({ headers }: IncomingMessage): boolean =>
  headers.upgrade?.toLowerCase() === 'websocket';

/** Looks every second until it is stopped. */
export function keepLooking(sockets: WhiteboardSockets): { stop(): void } {
  const timer = setInterval(() => sockets.look(), LOOK_EVERY_MS);
  return { stop: () => clearInterval(timer) };
}

function authorizationOf({ headers }: IncomingMessage, token: string | undefined): string | undefined {
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((one) => one.trim());
  const inProtocol = offered.find((one) => one.startsWith(TOKEN_PROTOCOL))?.slice(TOKEN_PROTOCOL.length);
  const given = inProtocol ?? token;
  return headers.authorization ?? (given === undefined ? undefined : `Bearer ${given}`);
}

/** Null: no JSON object with a type. */
function typeOf(text: string): string | null {
  try {
    const { type } = JSON.parse(text) as { type?: unknown };
    return typeof type === 'string' ? type : null;
  } catch {
    return null;
  }
}

function rateOf(most: number, now: () => number): () => boolean {
  let second = 0;
  let counted = 0;
  return () => {
    const present = Math.floor(now() / 1_000);
    if (present !== second) counted = 0;
    second = present;
    return ++counted > most;
  };
}

/** Before anything is done: what cannot become a socket leaves no connection. */
function mustBeWebSocket({ method, headers }: IncomingMessage): void {
  const key = headers['sec-websocket-key'] ?? '';
  const version = headers['sec-websocket-version'];
  if (method !== 'GET' || !/^[+/0-9A-Za-z]{22}==$/.test(key) || (version !== '13' && version !== '8')) {
    throw new Problem('broken-request', 'this is no handshake of a WebSocket (RFC 6455)');
  }
}

function refuse(socket: Duplex, problem: Problem): void {
  if (socket.destroyed) return;
  // Whoever does not close its own side would hold the connection for ever.
  socket.once('finish', () => socket.destroy());
  const status = problemStatus(problem.code);
  const body = JSON.stringify(problemBody(problem));
  const headers = {
    Connection: 'close',
    'Content-Type': 'application/problem+json',
    'Content-Length': String(Buffer.byteLength(body)),
    ...problem.extra.headers,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`);
}

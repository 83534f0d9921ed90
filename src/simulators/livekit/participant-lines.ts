/** What participants.ts and participant-process.ts write to each other, one line each. */
import { decodeJwt } from 'jose';

export type Order =
  | { readonly kind: 'join'; readonly token: string }
  /** All of them when no identity is given, and the process ends. */
  | { readonly kind: 'leave'; readonly identity?: string | undefined };

export type Report =
  | { readonly kind: 'joined'; readonly sid: string; readonly identity: string }
  | { readonly kind: 'left'; readonly identity: string }
  /** Thrown out, with LiveKit's word for why: PARTICIPANT_REMOVED, DUPLICATE_IDENTITY, ROOM_DELETED, … */
  | { readonly kind: 'disconnected'; readonly identity: string; readonly reason: string }
  /** Never came in. */
  | { readonly kind: 'failed'; readonly identity: string; readonly reason: string };

/** `join TOKEN`, `leave`, `leave IDENTITY` */
export function orderLine(order: Order): string {
  if (order.kind === 'join') return `join ${order.token}`;
  return order.identity === undefined ? 'leave' : `leave ${order.identity}`;
}

/** Throws for what is none. */
export function parseOrder(line: string): Order {
  const [, verb, rest] = /^(join|leave)(?: (.+))?$/.exec(line) ?? [];
  if (verb === 'join' && rest !== undefined) return { kind: 'join', token: rest };
  if (verb === 'leave') return { kind: 'leave', identity: rest };
  throw new Error(`"${line}" is neither "join TOKEN" nor "leave" nor "leave IDENTITY"`);
}

/** `joined {"sid":"PA_…","identity":"ana"}` and so on. */
export function reportLine({ kind, ...rest }: Report): string {
  return `${kind} ${JSON.stringify(rest)}`;
}

/** Undefined for what the library writes between the reports. */
export function parseReport(line: string): Report | undefined {
  const [, kind, rest] = /^(joined|left|disconnected|failed) (\{.*\})$/.exec(line) ?? [];
  return rest === undefined ? undefined : ({ kind, ...JSON.parse(rest) } as Report);
}

/** Whom the token lets in. */
export function identityOf(token: string): string {
  const { sub } = decodeJwt(token);
  if (sub === undefined) throw new Error('This token lets nobody in: it has no `sub`, the identity.');
  return sub;
}

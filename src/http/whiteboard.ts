/** Presence on the whiteboard over HTTP: the same as over a socket (whiteboard-socket.ts), and both may be mixed. */
import { z } from 'zod';
import { SILENCE_MS } from '../attendance/whiteboard-silence.ts';
import { calculateLive, readCalculation } from '../db/calculations.ts';
import { viewClass } from '../db/classes.ts';
import { type ClassRef, inTenant, type Tx } from '../db/client.ts';
import { findOpenConnection, readConnections, type WhosConnection } from '../db/whiteboard-connections.ts';
import { HEARTBEAT_MS, STORE_EVERY_MS } from '../whiteboard/presence.ts';
import { IN_CLASS, STAFF } from './authentication.ts';
import { iso, shownInstant } from './fields.ts';
import { act, type Call, type Deps, read } from './route.ts';
import { DEFAULT_NAME, mustBeOpen, whoseConnection } from './whiteboard-admission.ts';

const NAME = 'must be 1 to 64 letters, digits, ".", ":", "-" and "_"';
const connectionName = z
  .string({ error: NAME })
  .regex(/^[A-Za-z0-9.:_-]{1,64}$/, NAME)
  .meta({ description: 'Tells tabs and devices of one person apart; left out, a person has one connection' });

const body = z
  .strictObject({ connection_id: connectionName.optional() })
  .optional()
  .meta({ id: 'Connection' });

/** Of the socket's address. */
export const socketQuery = z.strictObject({
  token: z.string().optional(),
  connection_id: connectionName.optional(),
});

const connectedSchema = z
  .object({
    session_id: z.string(),
    connection_id: z.string(),
    connected: z.boolean(),
    connected_at: shownInstant.optional(),
    heartbeat_seconds: z
      .int()
      .meta({ description: 'How often a heartbeat is expected while the person is active' }),
  })
  .meta({ id: 'WhiteboardConnection' });

type ConnectionCall = Call<unknown, z.output<typeof body>>;

const shape = (whose: WhosConnection, connectedMs: number | null): z.output<typeof connectedSchema> => ({
  session_id: whose.ref.classId,
  connection_id: whose.name,
  connected: connectedMs !== null,
  ...(connectedMs === null ? {} : { connected_at: iso(new Date(connectedMs)) }),
  heartbeat_seconds: HEARTBEAT_MS / 1_000,
});

const callsConnection = (given: z.output<typeof body>): string => given?.connection_id ?? DEFAULT_NAME;

/** Opens the caller's connection, or finds it open. */
async function connect({ deps, caller, ref, body: given }: ConnectionCall) {
  const { whose, opened } = await inTenant(deps.db, ref.tenantId, async (tx) => {
    const whose = await whoseConnection(tx, { caller, ref, name: callsConnection(given) });
    await mustBeOpen(tx, whose, deps.now());
    return { whose, opened: await deps.presence.open(tx, whose) };
  });
  return deps.presence.keep(whose, opened);
}

/** Without a look into the database where this server hears of the connection already. */
async function find({ deps, caller, ref, body: given }: ConnectionCall): Promise<WhosConnection> {
  const name = callsConnection(given);
  return await inTenant(deps.db, ref.tenantId, (tx) => whoseConnection(tx, { caller, ref, name }));
}

const connectRoute = act({
  path: '/api/whiteboard/sessions/{class_id}/connect',
  operationId: 'connectWhiteboard',
  tag: 'whiteboard',
  summary: 'I am at the whiteboard',
  description: 'From the opening of the class to its end. Said twice it changes nothing.',
  roles: IN_CLASS,
  body,
  answers: { 200: { description: 'The connection is open', schema: connectedSchema } },
  async handle(call) {
    const { whose, connectedMs } = await connect(call);
    return { status: 200, body: shape(whose, connectedMs) };
  },
});

const disconnectRoute = act({
  path: '/api/whiteboard/sessions/{class_id}/disconnect',
  operationId: 'disconnectWhiteboard',
  tag: 'whiteboard',
  summary: 'I have left the whiteboard',
  description: 'Said twice it changes nothing.',
  roles: IN_CLASS,
  body,
  answers: { 200: { description: 'The connection is closed', schema: connectedSchema } },
  async handle(call) {
    const { deps, ref } = call;
    const whose = await find(call);
    let kept = deps.presence.find(whose);
    if (kept === null) {
      const opened = await inTenant(deps.db, ref.tenantId, (tx) => findOpenConnection(tx, whose));
      if (opened !== null) kept = deps.presence.keep(whose, opened);
    }
    if (kept !== null) await deps.presence.disconnect(kept);
    return { status: 200, body: shape(whose, null) };
  },
});

const heartbeatRoute = act({
  path: '/api/whiteboard/sessions/{class_id}/heartbeat',
  operationId: 'beatWhiteboard',
  tag: 'whiteboard',
  summary: 'I am active',
  description: `Connects where that was not done. Heartbeats are gathered and stored within ${STORE_EVERY_MS / 1_000} s, hence 202.`,
  roles: IN_CLASS,
  body,
  answers: { 202: { description: 'The heartbeat is taken', schema: connectedSchema } },
  async handle(call) {
    const { deps } = call;
    const whose = await find(call);
    const kept = deps.presence.find(whose) ?? (await connect(call));
    deps.presence.sign(kept, 'heartbeat');
    return { status: 202, body: shape(whose, kept.connectedMs) };
  },
});

const atWhiteboard = z
  .object({
    person_id: z.string(),
    email: z.string(),
    name: z.string(),
    connected: z.boolean(),
    connected_since: shownInstant.nullable(),
    last_activity: shownInstant.nullable().meta({ description: 'The last heartbeat' }),
    last_seen: shownInstant.nullable(),
    active_seconds: z.int(),
    connections: z.int().meta({ description: 'Open now' }),
  })
  .meta({ id: 'AtWhiteboard' });

const statusSchema = z
  .object({
    session_id: z.string(),
    tutor: atWhiteboard.nullable(),
    student: atWhiteboard.nullable().meta({ description: 'The only student; null where there are several' }),
    students: z.array(atWhiteboard),
  })
  .meta({ id: 'WhiteboardStatus' });

const statusRoute = read({
  path: '/api/whiteboard/sessions/{class_id}/connection-status',
  operationId: 'readWhiteboardStatus',
  tag: 'whiteboard',
  summary: 'Who is at the whiteboard, since when and how active',
  description: `At most ${STORE_EVERY_MS / 1_000} s old.`,
  roles: IN_CLASS,
  answers: { 200: { description: 'Tutor and students', schema: statusSchema } },
  async handle(tx, { caller, ref, deps }) {
    const staff = STAFF.includes(caller.role);
    if (!staff) await whoseConnection(tx, { caller, ref });
    return await connectionStatus(tx, ref, deps);
  },
});

/** As the clients of both ways see it. */
export async function connectionStatus(
  tx: Tx,
  ref: ClassRef,
  { now }: Pick<Deps, 'now'>,
): Promise<z.output<typeof statusSchema>> {
  const nowMs = now();
  const { roster } = await viewClass(tx, ref);
  const connections = await readConnections(tx, ref);
  const calculated = (await readCalculation(tx, ref)) ?? (await calculateLive(tx, ref, nowMs));
  const active = new Map(calculated.people.map((one) => [one.personId, one.activeSeconds]));
  const latest = (dates: (Date | null)[]): string | null => {
    const given = dates.flatMap((date) => (date === null ? [] : [date.getTime()]));
    return given.length === 0 ? null : iso(new Date(Math.max(...given)));
  };
  const people = roster.map(({ personId, email, name, role }) => {
    const own = connections.filter((one) => one.personId === personId);
    const open = own.filter(
      // What another server heard reaches the database a moment later.
      ({ closedAt, lastSeenAt }) =>
        closedAt === null && nowMs - lastSeenAt.getTime() <= SILENCE_MS + STORE_EVERY_MS,
    );
    const [first] = open;
    return {
      role,
      shown: {
        person_id: personId,
        email,
        name,
        connected: open.length > 0,
        connected_since: first ? iso(first.connectedAt) : null,
        last_activity: latest(own.map((one) => one.lastHeartbeatAt)),
        last_seen: latest(own.map((one) => one.lastSeenAt)),
        active_seconds: active.get(personId) ?? 0,
        connections: open.length,
      },
    };
  });
  const students = people.filter(({ role }) => role === 'student').map(({ shown }) => shown);
  return {
    session_id: ref.classId,
    tutor: people.find(({ role }) => role === 'teacher')?.shown ?? null,
    student: students.length === 1 ? (students[0] ?? null) : null,
    students,
  };
}

export const whiteboardRoutes = [connectRoute, disconnectRoute, heartbeatRoute, statusRoute];

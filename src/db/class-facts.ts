/** Everything the rules look at, read for one class in one transaction. */
import { and, asc, eq } from 'drizzle-orm';
import type { ClassFacts, EvidenceEvent, IdentityFact, SourceFact, Sweep } from '../attendance/facts.ts';
import type { Policy } from '../attendance/policy.ts';
import type { ClassRef, Tx } from './client.ts';
import { type ClassRow, nextClassInRoom, type SessionRow } from './plans.ts';
import {
  classIdentities,
  classRoster,
  events,
  identities,
  sourceCompletions,
  sources,
  sweeps,
} from './schema.ts';
import { readOpenEvidence } from './whiteboard-connections.ts';

const PROVIDERS = ['livekit', 'meet', 'whiteboard'] as const;

export async function readClassFacts(
  tx: Tx,
  ref: ClassRef,
  { row, session, policy }: { row: ClassRow; session: SessionRow; policy: Policy },
): Promise<ClassFacts> {
  // Before the log: what closes in between is in both then, and counts once; the other way round it would be in neither.
  const open = await readOpenEvidence(tx, ref);
  return {
    classId: ref.classId,
    provider: row.provider,
    startMs: row.startAt.getTime(),
    endMs: row.endAt.getTime(),
    nextClassStartMs: await nextClassInRoom(tx, row, session),
    pollMs: row.pollSeconds * 1_000,
    verifyMs: row.verifySeconds * 1_000,
    graceMs: row.graceSeconds * 1_000,
    policy,
    roster: await readRoster(tx, ref),
    sources: await readSources(tx, ref),
    identities: await readIdentities(tx, ref),
    events: [...(await readEvents(tx, ref)), ...open],
    sweeps: await readSweeps(tx, ref),
  };
}

async function readRoster(tx: Tx, { tenantId, classId }: ClassRef) {
  return await tx
    .select({ personId: classRoster.personId, role: classRoster.role })
    .from(classRoster)
    .where(and(eq(classRoster.tenantId, tenantId), eq(classRoster.classId, classId)))
    .orderBy(asc(classRoster.role), asc(classRoster.personId));
}

async function readSources(tx: Tx, { tenantId, classId }: ClassRef): Promise<SourceFact[]> {
  const registered = await tx
    .select({ name: sources.name, kind: sources.kind, declaredAt: sourceCompletions.declaredAt })
    .from(sources)
    .leftJoin(
      sourceCompletions,
      and(
        eq(sourceCompletions.tenantId, sources.tenantId),
        eq(sourceCompletions.source, sources.name),
        eq(sourceCompletions.classId, classId),
      ),
    )
    .where(eq(sources.tenantId, tenantId));
  return [
    ...PROVIDERS.map((name) => ({ name, kind: 'in_call' as const, declaredComplete: false })),
    ...registered.map(({ name, kind, declaredAt }) => ({
      name,
      kind,
      declaredComplete: declaredAt !== null,
    })),
  ];
}

async function readIdentities(tx: Tx, { tenantId, classId }: ClassRef): Promise<IdentityFact[]> {
  const rows = await tx
    .select({
      source: identities.source,
      identity: identities.identity,
      kind: identities.kind,
      state: classIdentities.state,
      personId: classIdentities.personId,
    })
    .from(classIdentities)
    .innerJoin(
      identities,
      and(eq(identities.tenantId, classIdentities.tenantId), eq(identities.id, classIdentities.identityId)),
    )
    .where(and(eq(classIdentities.tenantId, tenantId), eq(classIdentities.classId, classId)));
  return rows.map(({ source, identity, kind, state, personId }) => ({
    source,
    identity,
    state,
    human: kind !== 'machine',
    ...(personId === null ? {} : { personId }),
  }));
}

async function readEvents(tx: Tx, { tenantId, classId }: ClassRef): Promise<EvidenceEvent[]> {
  const rows = await tx
    .select()
    .from(events)
    .where(and(eq(events.tenantId, tenantId), eq(events.classId, classId)))
    .orderBy(asc(events.id));
  return rows.map((row) => ({
    id: row.id.toString(),
    source: row.source,
    sourceEventId: row.sourceEventId,
    kind: row.kind,
    atMs: row.at.getTime(),
    ...(row.joinedAt === null ? {} : { joinedAtMs: row.joinedAt.getTime() }),
    ...(row.untilAt === null ? {} : { untilMs: row.untilAt.getTime() }),
    ...(row.connection === null ? {} : { connection: row.connection }),
    ...(row.room === null ? {} : { room: row.room }),
    ...(row.personId === null ? {} : { personId: row.personId }),
    ...(row.identity === null ? {} : { identity: row.identity }),
    ...(row.reason === null ? {} : { reason: row.reason }),
  }));
}

async function readSweeps(tx: Tx, { tenantId, classId }: ClassRef): Promise<Sweep[]> {
  const rows = await tx
    .select()
    .from(sweeps)
    .where(and(eq(sweeps.tenantId, tenantId), eq(sweeps.classId, classId)))
    .orderBy(asc(sweeps.id));
  return rows.map(({ id, source, at, ok, scope, roomExisted, rooms, connections, joining }) => ({
    id: id.toString(),
    source,
    atMs: at.getTime(),
    ok,
    scope,
    rooms,
    connections,
    ...(roomExisted === null ? {} : { roomExisted }),
    ...(joining.length === 0 ? {} : { joining }),
  }));
}

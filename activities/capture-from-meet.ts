/** One fetch from Meet and everything that follows from it: who that was, what is stored, what an operator must know. */
import { and, eq } from 'drizzle-orm';
import { countingWindow } from '../src/attendance/counting-window.ts';
import { type ClassRef, inTenant, type Tx } from '../src/db/client.ts';
import { nextClassInRoom, noteBusy, readClass, type SessionRow } from '../src/db/plans.ts';
import { policyOf } from '../src/db/policy-in-force.ts';
import { classRoster, people, sessions } from '../src/db/schema.ts';
import { matchInClass, meetIdentities, rememberLookUps } from '../src/ingest/identities.ts';
import { storeMeetAnswer } from '../src/ingest/store-meet-answer.ts';
import type { AllAnswer, MeetSpace, PresentAnswer } from '../src/meet/answer.ts';
import { MeetFault, type MeetFaultCode } from '../src/meet/fault.ts';
import type { Captured, Found, Scope } from './captured.ts';
import type { ActivityDeps } from './index.ts';
import { noteProblem } from './note-problem.ts';

/** Fetches and stores. A fault of Meet's is returned, and is on the class by then; anything else is thrown. */
export async function captureFromMeet(deps: ActivityDeps, ref: ClassRef, scope: Scope): Promise<Captured> {
  const atMs = deps.now();
  const errand = await inTenant(deps.db, ref.tenantId, async (tx) => {
    await noteBusy(tx, ref, atMs);
    return await readErrand(tx, ref);
  });
  try {
    const spaceName = errand.spaceName ?? (await findSpace(deps, ref, errand));
    const answer = await askMeet(deps, ref, scope, { ...errand, spaceName });
    const problem = await store(deps, ref, errand.subject, answer);
    return { ok: true, found: foundIn(answer), problem };
  } catch (error) {
    if (!(error instanceof MeetFault)) throw error;
    await inTenant(deps.db, ref.tenantId, (tx) => noteProblem(tx, ref, error, deps.now()));
    return { ok: false, source: 'meet', scope, fault: error, atMs };
  }
}

function foundIn({ atMs, scope, rooms, connections, participants }: PresentAnswer | AllAnswer): Found {
  const inCall = new Set(connections.filter(({ endMs }) => endMs === null).map(({ identity }) => identity));
  return {
    atMs,
    // A present listing names everybody in the call, but asks only about the sessions of some.
    present: scope === 'present' ? participants.length : inCall.size,
    participants: participants.length,
    conferences: rooms.length,
    roomsClosed: rooms.length > 0 && rooms.every(({ endMs }) => endMs !== null),
    roomMissing: false,
  };
}

/**
 * The space of a meeting code, which was not asked for yet. None is made here: nobody was in a space that did not exist,
 * and its silence would be taken for an empty class.
 */
async function findSpace(
  deps: ActivityDeps,
  ref: ClassRef,
  { subject, organizerPersonId, meetingCode, problem }: Errand,
): Promise<string> {
  if (meetingCode === null) {
    // Why there is none is still what an operator must read.
    if (problem) throw new MeetFault(problem.code as MeetFaultCode, 'never', problem.message);
    throw new MeetFault('not_found', 'never', 'the class has no Meet space');
  }
  const space = await deps.meet.getSpace({ subject, code: meetingCode });
  await inTenant(deps.db, ref.tenantId, (tx) =>
    storeSpace(tx, ref, space, { organizerPersonId, meetingCode }),
  );
  return space.spaceName;
}

/**
 * Keeps the space, and who may read its records: whoever made it or found it, also when another teaches later. A class that
 * has got another code or left Meet while Google was asked keeps what it has now.
 */
export async function storeSpace(
  tx: Tx,
  ref: ClassRef,
  space: MeetSpace,
  asked: Pick<Errand, 'organizerPersonId' | 'meetingCode'>,
): Promise<void> {
  const { row, session } = await readClass(tx, ref, 'for update');
  // Whoever came first has sent the link out.
  if (row.provider !== 'meet' || session.spaceName !== null || session.meetingCode !== asked.meetingCode)
    return;
  await tx
    .update(sessions)
    .set({ ...space, organizerPersonId: asked.organizerPersonId })
    .where(and(eq(sessions.tenantId, ref.tenantId), eq(sessions.classId, ref.classId)));
}

async function askMeet(
  { meet, presentMemories }: ActivityDeps,
  { classId }: ClassRef,
  scope: Scope,
  errand: { subject: string; spaceName: string; window: { startMs: number; endMs: number }; pollMs: number },
): Promise<PresentAnswer | AllAnswer> {
  const { subject, spaceName, window } = errand;
  if (scope === 'all') {
    presentMemories.forget(classId);
    return await meet.listAll({ subject, spaceName, window });
  }
  const memory = presentMemories.of(classId);
  // Asked again at every second poll, well before the lost end of a session could become an estimate.
  const previous = memory && { memory, recheckAfterMs: errand.pollMs * 1.5 };
  const answer = await meet.listPresent({ subject, spaceName, window, ...(previous ? { previous } : {}) });
  presentMemories.keep(classId, answer.memory);
  return answer;
}

/** @returns what went wrong with the directory, which loses no evidence: whoever is not known waits for review */
async function store(
  deps: ActivityDeps,
  ref: ClassRef,
  subject: string,
  answer: PresentAnswer | AllAnswer,
): Promise<MeetFault | null> {
  const met = answer.participants.map(({ identity, kind, displayName }) => ({ identity, kind, displayName }));
  const identities = await inTenant(deps.db, ref.tenantId, (tx) =>
    meetIdentities(tx, ref, 'meet', met, deps.now()),
  );
  const { found, fault } = await deps.meet.lookUpUsers({ subject, identities });
  const lookedUp = found.map(({ identity, user }) => ({ identity, email: user?.email ?? null }));
  await inTenant(deps.db, ref.tenantId, async (tx) => {
    await rememberLookUps(tx, ref, 'meet', lookedUp, deps.now());
    await matchInClass(
      tx,
      ref,
      'meet',
      met.map(({ identity }) => identity),
    );
    await storeMeetAnswer(tx, ref, answer);
    await noteProblem(tx, ref, fault, deps.now());
  });
  return fault;
}

type Errand = Awaited<ReturnType<typeof readErrand>>;

export async function readErrand(tx: Tx, ref: ClassRef) {
  const { row, session } = await readClass(tx, ref);
  const organizer = await readOrganizer(tx, ref, session);
  const window = countingWindow({
    startMs: row.startAt.getTime(),
    endMs: row.endAt.getTime(),
    nextClassStartMs: await nextClassInRoom(tx, row, session),
    policy: await policyOf(tx, row),
  });
  return {
    /** The organizer, who alone may read the records. */
    subject: organizer?.email ?? '',
    organizerPersonId: organizer?.id ?? null,
    spaceName: session.spaceName,
    meetingCode: session.meetingCode,
    problem: row.captureProblem,
    window,
    pollMs: row.pollSeconds * 1_000,
  };
}

/** Whoever the space belongs to; the teacher, while there is none yet. */
async function readOrganizer(tx: Tx, { tenantId, classId }: ClassRef, session: SessionRow) {
  const found = { id: people.id, email: people.email };
  if (session.organizerPersonId !== null) {
    const ofPerson = and(eq(people.tenantId, tenantId), eq(people.id, session.organizerPersonId));
    const [organizer] = await tx.select(found).from(people).where(ofPerson);
    return organizer;
  }
  const [teacher] = await tx
    .select(found)
    .from(classRoster)
    .innerJoin(people, and(eq(people.tenantId, classRoster.tenantId), eq(people.id, classRoster.personId)))
    .where(
      and(
        eq(classRoster.tenantId, tenantId),
        eq(classRoster.classId, classId),
        eq(classRoster.role, 'teacher'),
      ),
    );
  return teacher;
}

/** Reading classes, each with its session and roster. */
import { and, asc, eq, exists, gte, inArray, lt, lte, type SQL, sql } from 'drizzle-orm';
import type { RosterRole } from '../attendance/facts.ts';
import type { ClassRef, Tx } from './client.ts';
import { isPerson } from './people.ts';
import { type ClassRow, readClass, type SessionRow } from './plans.ts';
import { classes, classRoster, people, sessions } from './schema.ts';

interface RosterPerson {
  personId: string;
  email: string;
  name: string;
  role: RosterRole;
}

export interface ClassView {
  row: ClassRow;
  session: SessionRow;
  roster: RosterPerson[];
}

export type ClassStatus = ClassRow['status'] | 'active';

/** A class is active when it is open and the clock has passed its start; no row ever says so. */
export function statusAt(row: Pick<ClassRow, 'status' | 'startAt'>, nowMs: number): ClassStatus {
  return row.status === 'open' && row.startAt.getTime() <= nowMs ? 'active' : row.status;
}

export async function viewClass(tx: Tx, ref: ClassRef, lock?: 'for update'): Promise<ClassView> {
  const found = await readClass(tx, ref, lock);
  const rosters = await readRosters(tx, ref.tenantId, [ref.classId]);
  return { ...found, roster: rosters.get(ref.classId) ?? [] };
}

/** Teachers first, then by address. */
async function readRosters(
  tx: Tx,
  tenantId: string,
  classIds: string[],
): Promise<Map<string, RosterPerson[]>> {
  const rosters = new Map<string, RosterPerson[]>(classIds.map((id) => [id, []]));
  if (classIds.length === 0) return rosters;
  const rows = await tx
    .select({
      classId: classRoster.classId,
      personId: people.id,
      email: people.email,
      name: people.name,
      role: classRoster.role,
    })
    .from(classRoster)
    .innerJoin(people, and(eq(people.tenantId, classRoster.tenantId), eq(people.id, classRoster.personId)))
    .where(and(eq(classRoster.tenantId, tenantId), inArray(classRoster.classId, classIds)))
    .orderBy(sql`${classRoster.role} desc`, asc(people.email));
  for (const { classId, ...person } of rows) rosters.get(classId)?.push(person);
  return rosters;
}

export interface ClassFilter {
  status?: ClassStatus | undefined;
  provider?: ClassRow['provider'] | undefined;
  /** Classes that start in `[fromMs, toMs)`. */
  fromMs?: number | undefined;
  toMs?: number | undefined;
  /** Person id or e-mail. */
  teacher?: string | undefined;
  student?: string | undefined;
  /** The teacher who asks, and who sees no others. */
  own?: string | undefined;
}

/** By start, then id. */
export async function listClasses(
  tx: Tx,
  tenantId: string,
  filter: ClassFilter,
  { after, limit, nowMs }: { after: { startMs: number; id: string } | null; limit: number; nowMs: number },
): Promise<ClassView[]> {
  const rows = await tx
    .select({ row: classes, session: sessions })
    .from(classes)
    .innerJoin(sessions, and(eq(sessions.tenantId, classes.tenantId), eq(sessions.classId, classes.id)))
    .where(
      and(
        eq(classes.tenantId, tenantId),
        hasStatus(filter.status, new Date(nowMs)),
        filter.provider === undefined ? undefined : eq(classes.provider, filter.provider),
        filter.fromMs === undefined ? undefined : gte(classes.startAt, new Date(filter.fromMs)),
        filter.toMs === undefined ? undefined : lt(classes.startAt, new Date(filter.toMs)),
        filter.teacher === undefined ? undefined : onRoster(tx, 'teacher', filter.teacher),
        filter.own === undefined ? undefined : onRoster(tx, 'teacher', filter.own),
        filter.student === undefined ? undefined : onRoster(tx, 'student', filter.student),
        after === null
          ? undefined
          : sql`(${classes.startAt}, ${classes.id}) > (${new Date(after.startMs).toISOString()}::timestamptz, ${after.id}::uuid)`,
      ),
    )
    .orderBy(asc(classes.startAt), asc(classes.id))
    .limit(limit);
  const rosters = await readRosters(
    tx,
    tenantId,
    rows.map(({ row }) => row.id),
  );
  return rows.map(({ row, session }) => ({ row, session, roster: rosters.get(row.id) ?? [] }));
}

function hasStatus(status: ClassStatus | undefined, now: Date): SQL | undefined {
  if (status === undefined) return undefined;
  if (status === 'active') return and(eq(classes.status, 'open'), lte(classes.startAt, now));
  if (status === 'open')
    return and(eq(classes.status, 'open'), sql`${classes.startAt} > ${now.toISOString()}::timestamptz`);
  return eq(classes.status, status);
}

/** Is `who`, a person id or an e-mail, on the roster of the class at hand? */
function onRoster(tx: Tx, role: RosterRole, who: string): SQL {
  return exists(
    tx
      .select({ one: sql`1` })
      .from(classRoster)
      .innerJoin(people, and(eq(people.tenantId, classRoster.tenantId), eq(people.id, classRoster.personId)))
      .where(
        and(
          eq(classRoster.tenantId, classes.tenantId),
          eq(classRoster.classId, classes.id),
          eq(classRoster.role, role),
          isPerson(who),
        ),
      ),
  );
}

/** Does this person teach the class? */
export async function teaches(tx: Tx, { tenantId, classId }: ClassRef, who: string): Promise<boolean> {
  const found = await tx
    .select({ id: classes.id })
    .from(classes)
    .where(and(eq(classes.tenantId, tenantId), eq(classes.id, classId), onRoster(tx, 'teacher', who)));
  return found.length > 0;
}

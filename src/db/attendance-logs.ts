/** Attendance logs (product §8): one row for each person and stay, out of the latest calculation of each class. */
import { and, asc, eq, gte, lt, type SQL, sql } from 'drizzle-orm';
import { effectiveStatus } from '../attendance/effective-status.ts';
import type { AttendanceStatus, Stay } from '../attendance/record.ts';
import { calculateLive } from './calculations.ts';
import type { Tx } from './client.ts';
import { readStandingMarks, type StandingMark } from './marks.ts';
import { findPeopleById } from './people.ts';
import { calculations, classes, identities } from './schema.ts';

export interface LogRow {
  classId: string;
  subject: string;
  startMs: number;
  /** The place of the stay among those of its class. */
  position: number;
  stay: Stay;
  email: string | null;
  name: string | null;
}

export interface LogFilter {
  classId?: string | undefined;
  /** Classes that start in `[fromMs, toMs)`. */
  fromMs?: number | undefined;
  toMs?: number | undefined;
  email?: string | undefined;
  /** Attendance status of the person in the class; a guest has none. */
  status?: AttendanceStatus | undefined;
}

/** Behind this row of this class. */
export interface LogPosition {
  startMs: number;
  classId: string;
  position: number;
}

export interface LogQuery {
  after: LogPosition | null;
  limit: number;
  nowMs: number;
}

/** `next`: where the next page begins, null when there is none. A page may be short, or empty, and others follow. */
export interface LogPage {
  rows: LogRow[];
  next: LogPosition | null;
}

/** Behind every row of a class: none has as many stays. */
export const CLASS_END = 1_000_000;

/** Classes of which a page may show live figures; each is calculated for the page. */
const LIVE_CLASSES = 50;

/** By start of the class, class, and stay. A class without a calculation shows its stays as they are now. */
export async function listAttendanceLogs(
  tx: Tx,
  tenantId: string,
  filter: LogFilter,
  query: LogQuery,
): Promise<LogPage> {
  const live = await liveRows(tx, tenantId, filter, query);
  const stored = await storedRows(tx, tenantId, filter, query, live.upTo);
  const found = [...stored, ...live.rows].sort(byPlace);
  const rows = found.slice(0, query.limit);
  const last = rows.at(-1);
  if (found.length > query.limit && last !== undefined) return { rows, next: last };
  return { rows, next: live.upTo === null ? null : { ...live.upTo, position: CLASS_END } };
}

function byPlace(a: LogRow, b: LogRow): number {
  return (
    a.startMs - b.startMs ||
    (a.classId < b.classId ? -1 : a.classId > b.classId ? 1 : a.position - b.position)
  );
}

function ofClass(tenantId: string, { classId, fromMs, toMs }: LogFilter): SQL | undefined {
  return and(
    eq(classes.tenantId, tenantId),
    classId === undefined ? undefined : eq(classes.id, classId),
    fromMs === undefined ? undefined : gte(classes.startAt, new Date(fromMs)),
    toMs === undefined ? undefined : lt(classes.startAt, new Date(toMs)),
  );
}

interface Place {
  startMs: number;
  classId: string;
}

const place = ({ startMs, classId }: Place): SQL =>
  sql`${new Date(startMs).toISOString()}::timestamptz, ${classId}::uuid`;

/** What the latest mark about the person of record `r` says; null where there is none, or where it withdrew another. */
const standingMark = sql`(
  select m.status from marks m where m.tenant_id = r.tenant_id and m.class_id = r.class_id
    and m.person_id = r.person_id order by m.id desc limit 1)`;

async function storedRows(
  tx: Tx,
  tenantId: string,
  filter: LogFilter,
  { after, limit }: LogQuery,
  upTo: Place | null,
): Promise<LogRow[]> {
  const rows = await tx.execute<Omit<LogRow, 'startMs'> & { startAt: string }>(sql`
    select ${classes.id} as "classId", ${classes.subject} as subject, ${classes.startAt} as "startAt",
      s.position::integer as position, s.stay, coalesce(p.email, i.email) as email,
      coalesce(p.name, i.display_name) as name
    from ${classes}
    join lateral (
      select k.version, k.stays from ${calculations} k
      where k.tenant_id = ${classes.tenantId} and k.class_id = ${classes.id} order by k.version desc limit 1
    ) k on true
    cross join lateral jsonb_array_elements(k.stays) with ordinality as s (stay, position)
    left join people p on p.tenant_id = ${classes.tenantId} and p.id = (s.stay ->> 'personId')::uuid
    left join identities i on i.tenant_id = ${classes.tenantId} and s.stay ->> 'personId' is null
      and i.source = s.stay ->> 'source' and i.identity = s.stay ->> 'identity'
    left join records r on r.tenant_id = ${classes.tenantId} and r.class_id = ${classes.id}
      and r.version = k.version and r.person_id = p.id
    where ${ofClass(tenantId, filter)}
      and ${filter.email === undefined ? sql`true` : sql`p.email = ${filter.email}`}
      and ${filter.status === undefined ? sql`true` : sql`coalesce(${standingMark}, r.status) = ${filter.status}`}
      and ${after === null ? sql`true` : sql`(${classes.startAt}, ${classes.id}, s.position) > (${place(after)}, ${after.position})`}
      and ${upTo === null ? sql`true` : sql`(${classes.startAt}, ${classes.id}) <= (${place(upTo)})`}
    order by ${classes.startAt}, ${classes.id}, s.position limit ${limit + 1}`);
  return rows.map(({ startAt, ...row }) => ({ ...row, startMs: new Date(startAt).getTime() }));
}

/** `upTo`: beyond this class more live ones follow, which belong to a later page. */
async function liveRows(
  tx: Tx,
  tenantId: string,
  filter: LogFilter,
  { after, nowMs }: LogQuery,
): Promise<{ rows: LogRow[]; upTo: Place | null }> {
  const { status } = filter;
  const found = await tx
    .select({ classId: classes.id, subject: classes.subject, startAt: classes.startAt })
    .from(classes)
    .where(
      and(
        ofClass(tenantId, filter),
        sql`exists (select 1 from events e where e.tenant_id = ${classes.tenantId} and e.class_id = ${classes.id})`,
        sql`not exists (select 1 from calculations k
          where k.tenant_id = ${classes.tenantId} and k.class_id = ${classes.id})`,
        // Before the first calculation everybody is pending whom nobody marked.
        status === undefined || status === 'pending'
          ? undefined
          : sql`exists (select 1 from marks m where m.tenant_id = ${classes.tenantId} and m.class_id = ${classes.id}
              and m.status = ${status})`,
        fromClassOf(after),
      ),
    )
    .orderBy(asc(classes.startAt), asc(classes.id))
    .limit(LIVE_CLASSES + 1);
  const shown = found
    .slice(0, LIVE_CLASSES)
    .map(({ startAt, ...one }) => ({ ...one, startMs: startAt.getTime() }));
  const asked = status === undefined ? [] : shown.map(({ classId }) => classId);
  const marked = await readStandingMarks(tx, tenantId, asked);
  const rows: LogRow[] = [];
  for (const { classId, subject, startMs } of shown) {
    const { stays } = await calculateLive(tx, { tenantId, classId }, nowMs);
    stays.forEach((stay, index) => {
      if (status !== undefined && liveStatus(stay, marked.get(classId)) !== status) return;
      rows.push({ classId, subject, startMs, position: index + 1, stay, email: null, name: null });
    });
  }
  const named = await withNames(tx, tenantId, rows);
  return {
    rows: named.filter(
      (row) => isBeyond(row, after) && (filter.email === undefined || row.email === filter.email),
    ),
    upTo: found.length > LIVE_CLASSES ? (shown.at(-1) ?? null) : null,
  };
}

function liveStatus(
  { personId, role }: Stay,
  marks: ReadonlyMap<string, StandingMark> | undefined,
): AttendanceStatus | null {
  if (personId === null || role === 'guest') return null;
  return effectiveStatus('pending', marks?.get(personId)).status;
}

function fromClassOf(after: LogPosition | null): SQL | undefined {
  if (after === null) return undefined;
  const beyond = after.position >= CLASS_END ? sql`>` : sql`>=`;
  return sql`(${classes.startAt}, ${classes.id}) ${beyond} (${place(after)})`;
}

function isBeyond(row: LogRow, after: LogPosition | null): boolean {
  if (after === null) return true;
  return row.startMs !== after.startMs || row.classId !== after.classId || row.position > after.position;
}

async function withNames(tx: Tx, tenantId: string, rows: LogRow[]): Promise<LogRow[]> {
  const ids = new Set(rows.flatMap(({ stay }) => stay.personId ?? []));
  const names = new Set(rows.flatMap(({ stay }) => (stay.personId === null ? (stay.identity ?? []) : [])));
  const persons = await findPeopleById(tx, tenantId, [...ids]);
  const guests = await findGuests(tx, tenantId, [...names]);
  return rows.map((row) => {
    const { personId, source, identity } = row.stay;
    const known = personId === null ? guests.get(`${source}\n${identity}`) : persons.get(personId);
    return { ...row, email: known?.email ?? null, name: known?.name ?? null };
  });
}

async function findGuests(tx: Tx, tenantId: string, names: string[]) {
  if (names.length === 0) return new Map<string, { email: string | null; name: string | null }>();
  const rows = await tx
    .select()
    .from(identities)
    .where(and(eq(identities.tenantId, tenantId), sql`${identities.identity} in ${names}`));
  return new Map(
    rows.map(({ source, identity, email, displayName }) => [
      `${source}\n${identity}`,
      { email, name: displayName },
    ]),
  );
}

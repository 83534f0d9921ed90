import { and, asc, eq, gte, lte } from 'drizzle-orm';
import type { Tx } from './client.ts';
import type { ClassRow } from './plans.ts';
import { classes } from './schema.ts';

/** What is left out does not matter. */
export interface ClassSelection {
  sessionType?: string | undefined;
  provider?: ClassRow['provider'] | undefined;
  status?: ClassRow['status'] | undefined;
  /** Classes that start in `[fromMs, untilMs]`. */
  fromMs?: number | undefined;
  untilMs?: number | undefined;
}

/** By start, then id. All at once: a hundred thousand ids take less than the classes of one page. */
export async function listClassIds(tx: Tx, tenantId: string, selection: ClassSelection): Promise<string[]> {
  const { sessionType, provider, status, fromMs, untilMs } = selection;
  const rows = await tx
    .select({ id: classes.id })
    .from(classes)
    .where(
      and(
        eq(classes.tenantId, tenantId),
        sessionType === undefined ? undefined : eq(classes.sessionType, sessionType),
        provider === undefined ? undefined : eq(classes.provider, provider),
        status === undefined ? undefined : eq(classes.status, status),
        fromMs === undefined ? undefined : gte(classes.startAt, new Date(fromMs)),
        untilMs === undefined ? undefined : lte(classes.startAt, new Date(untilMs)),
      ),
    )
    .orderBy(asc(classes.startAt), asc(classes.id));
  return rows.map(({ id }) => id);
}

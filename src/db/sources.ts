import { and, asc, eq, gt } from 'drizzle-orm';
import type { ClassRef, Tx } from './client.ts';
import { sourceCompletions, sources } from './schema.ts';

export type Source = typeof sources.$inferSelect;

/** Answers the source as it is registered now; `created` says whether that was just done. */
export async function registerSource(
  tx: Tx,
  tenantId: string,
  { name, kind }: Pick<Source, 'name' | 'kind'>,
): Promise<{ created: boolean; source: Source }> {
  const [created] = await tx
    .insert(sources)
    .values({ tenantId, name, kind })
    .onConflictDoNothing()
    .returning();
  if (created) return { created: true, source: created };
  const source = await readSource(tx, tenantId, name);
  if (!source) throw new Error(`source ${name} is neither new nor there`);
  return { created: false, source };
}

export async function readSource(tx: Tx, tenantId: string, name: string): Promise<Source | null> {
  const [found] = await tx
    .select()
    .from(sources)
    .where(and(eq(sources.tenantId, tenantId), eq(sources.name, name)));
  return found ?? null;
}

export async function listSources(
  tx: Tx,
  tenantId: string,
  { after, limit }: { after: string | null; limit: number },
): Promise<Source[]> {
  return await tx
    .select()
    .from(sources)
    .where(and(eq(sources.tenantId, tenantId), after === null ? undefined : gt(sources.name, after)))
    .orderBy(asc(sources.name))
    .limit(limit);
}

/** The source has told all it knows of a class. Answers whether that is news. */
export async function declareComplete(
  tx: Tx,
  { tenantId, classId }: ClassRef,
  source: string,
): Promise<boolean> {
  const declared = await tx
    .insert(sourceCompletions)
    .values({ tenantId, classId, source })
    .onConflictDoNothing()
    .returning({ source: sourceCompletions.source });
  return declared.length > 0;
}

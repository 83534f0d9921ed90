import { teaches } from '../db/classes.ts';
import type { Tx } from '../db/client.ts';
import { notFound } from './problem.ts';
import type { Call } from './route.ts';

/** A class that a teacher does not teach is, for that teacher, not there. Others get by role what they may see. */
export async function mustBeOwn(tx: Tx, { caller, ref }: Call<unknown, unknown>): Promise<void> {
  if (caller.role === 'teacher' && !(await teaches(tx, ref, caller.sub))) throw notFound('class');
}

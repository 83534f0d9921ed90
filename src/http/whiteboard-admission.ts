import { SILENCE_MS } from '../attendance/whiteboard-silence.ts';
import { phaseOf } from '../db/class-phase.ts';
import { viewClass } from '../db/classes.ts';
import type { ClassRef, Tx } from '../db/client.ts';
import { countOtherConnections, type WhosConnection } from '../db/whiteboard-connections.ts';
import type { Caller } from './authentication.ts';
import { iso } from './fields.ts';
import { notFound, Problem } from './problem.ts';

/** Tabs and devices of one person in one class. */
const MOST_CONNECTIONS = 20;
/** A person who does not name their connections has this one. */
export const DEFAULT_NAME = 'default';

/** Whose connection it is. Throws 404 for who is not on the roster, whatever the token's role. */
export async function whoseConnection(
  tx: Tx,
  { caller, ref, name = DEFAULT_NAME }: { caller: Caller; ref: ClassRef; name?: string | undefined },
): Promise<WhosConnection> {
  const { roster } = await viewClass(tx, ref);
  const person = roster.find(({ personId, email }) => caller.sub === personId || caller.sub === email);
  if (person === undefined) throw notFound('class');
  return { ref, personId: person.personId, name };
}

/** A whiteboard takes connections from the opening of its class to the end of its counting window; else throws 409. */
export async function mustBeOpen(tx: Tx, whose: WhosConnection, nowMs: number): Promise<void> {
  const found = await viewClass(tx, whose.ref);
  const { row } = found;
  const phase = await phaseOf(tx, found, nowMs);
  switch (phase) {
    case 'active':
      break;
    case 'ahead': {
      // By the clock: a workflow that is late keeps nobody out.
      const opensMs = row.startAt.getTime() - row.openLeadSeconds * 1_000;
      if (row.status === 'scheduled' && nowMs < opensMs) {
        throw new Problem('conflict', `the class is not open yet; it opens at ${iso(new Date(opensMs))}`);
      }
      break;
    }
    case 'cancelled':
      throw new Problem('conflict', 'the class is cancelled');
    case 'over':
    case 'settled':
      throw new Problem('conflict', 'the class is over');
    default:
      phase satisfies never;
  }
  if ((await countOtherConnections(tx, whose, nowMs - SILENCE_MS)) >= MOST_CONNECTIONS) {
    throw new Problem(
      'too-many-requests',
      `a person may have ${MOST_CONNECTIONS} open connections in a class; close one first`,
    );
  }
}

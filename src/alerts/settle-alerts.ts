import { type Causes, settleAlerts } from '../db/alerts.ts';
import type { ClassRef, Tx } from '../db/client.ts';
import { announce } from '../db/outgoing.ts';
import { alertShape } from '../http/class-shape.ts';

/** From now on these and no others are cause for alarm in the class; other systems are told what is new of it. */
export async function settleAndTell(tx: Tx, ref: ClassRef, causes: Causes, nowMs: number): Promise<void> {
  const { raised, resolved } = await settleAlerts(tx, ref, causes, nowMs);
  for (const row of raised) await announce(tx, ref, 'alert.raised', { alert: alertShape(row) });
  for (const row of resolved) await announce(tx, ref, 'alert.resolved', { alert: alertShape(row) });
}

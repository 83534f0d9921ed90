import type { ClassPlan } from '../../activities/index.ts';
import { closeOn } from '../activity-options.ts';
import type { PhaseEnd, Room } from '../class-session.ts';

/** A cancelled class: close its room, keep its evidence, and be done. */
export async function closeRoom({ session, board }: Room, { provider }: ClassPlan): Promise<PhaseEnd> {
  board.doing = 'closing the room of the cancelled class';
  board.next_at = null;
  await closeOn(provider)(session);
  return { kind: 'settled', as: 'cancelled' };
}

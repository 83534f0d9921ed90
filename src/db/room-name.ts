import type { ClassRef } from './client.ts';

export const DEFAULT_ROOM_PATTERN = '{tenant}-{session_type}-session-{class_id}';

/** The LiveKit room of a class, by the pattern of its tenant. */
export function roomNameOf(pattern: string, { tenantId, classId }: ClassRef, sessionType: string): string {
  const places: Record<string, string> = {
    tenant: tenantId,
    session_type: sessionType,
    type: sessionType,
    class_id: classId,
    id: classId,
  };
  return pattern.replaceAll(/\{(\w+)\}/g, (whole, place: string) => places[place] ?? whole);
}

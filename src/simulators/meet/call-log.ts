import type { CallLogEntry } from './control-protocol.ts';

const KEPT = 10_000;

export type CallLog = ReturnType<typeof createCallLog>;

/** Counts calls per route, so that a test can say how many a fetch may cost. */
export function createCallLog() {
  let log: CallLogEntry[] = [];
  let counts = new Map<string, number>();
  return {
    add(entry: CallLogEntry): void {
      counts.set(entry.route, (counts.get(entry.route) ?? 0) + 1);
      log.push(entry);
      // Dropping half at once keeps the cost of a long run flat.
      if (log.length > KEPT * 2) log = log.slice(-KEPT);
    },
    report: () => ({ counts: Object.fromEntries(counts), log: log.slice(-KEPT) }),
    reset(): void {
      log = [];
      counts = new Map();
    },
  };
}

/** `GET`, `/v2/conferenceRecords/abc/participants` → `GET /v2/conferenceRecords/{id}/participants`. */
export function routeOf(method: string, path: string): string {
  const named = path.replace(
    /(conferenceRecords|participants|participantSessions|spaces|users)\/[^/]+/g,
    '$1/{id}',
  );
  return `${method} ${named}`;
}

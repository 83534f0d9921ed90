/** Stores what a saved log of deliveries holds, a hundred at a time, however long it is. */
import { createReadStream } from 'node:fs';
import { tellChanges } from '../db/changes.ts';
import { type ClassRef, type Database, databaseUnavailable } from '../db/client.ts';
import { createGroupCommit } from '../ingest/group-commit.ts';
import {
  createMemory,
  type SignedDelivery,
  type StoredDelivery,
  storeDeliveries,
} from '../ingest/store-deliveries.ts';
import { readDelivery } from '../livekit/read-webhook.ts';
import { loggable } from '../loggable.ts';
import { linesOf } from './lines-of.ts';
import { readSavedLine } from './saved-delivery.ts';

export interface Replayed {
  lines: number;
  accepted: number;
  duplicate: number;
  setAside: number;
  unusable: number;
  /** Lines that were not stored, and the first of them. */
  wrong: number;
  named: { line: number; reason: string }[];
  /** What came after its end, by the key of the class. */
  late: Record<'waiting' | 'settled', Map<string, ClassRef>>;
}

interface ReplayOptions {
  /** Whose deliveries they are; null: the room alone says so. */
  tenant: string | null;
  /** Told at once: the rest may take long. */
  onWrong(line: number, reason: string): void;
  onStored(progress: { lines: number; bytes: number }): void;
}

const AT_ONCE = 100;
/** A file may consist of wrong lines. */
const MOST_NAMED = 1_000;

interface Waiting {
  line: number;
  signed: SignedDelivery;
}

/** Throws when the file cannot be read or the database is away; what was stored by then is found again as duplicates. */
export async function replayFile(db: Database, file: string, options: ReplayOptions): Promise<Replayed> {
  const replayed = nothing();
  const wrong = (line: number, reason: string): void => {
    replayed.wrong++;
    if (replayed.named.length >= MOST_NAMED) return;
    replayed.named.push({ line, reason });
    options.onWrong(line, reason);
  };
  const store = createStore(db, replayed, wrong);
  const input = createReadStream(file, 'utf8');
  let batch: Waiting[] = [];
  for await (const text of linesOf(input)) {
    const line = ++replayed.lines;
    if (text.trim() === '') continue;
    const saved = readSavedLine(text);
    if (saved.kind === 'wrong') wrong(line, saved.reason);
    else {
      const delivery = readDelivery(saved.body, Date.now());
      batch.push({ line, signed: { delivery, keyTenant: options.tenant } });
    }
    if (batch.length < AT_ONCE) continue;
    await store(batch);
    batch = [];
    options.onStored({ lines: line, bytes: input.bytesRead });
  }
  await store(batch);
  return replayed;
}

const nothing = (): Replayed => ({
  ...{ lines: 0, accepted: 0, duplicate: 0, setAside: 0, unusable: 0, wrong: 0 },
  named: [],
  late: { waiting: new Map(), settled: new Map() },
});

/** As the receiver does: all together, and one that PostgreSQL refuses fails alone. */
function createStore(
  db: Database,
  replayed: Replayed,
  wrong: (line: number, reason: string) => void,
): (batch: readonly Waiting[]) => Promise<void> {
  const remembered = createMemory();
  const commits = createGroupCommit<SignedDelivery, StoredDelivery>({
    write: (rows) => storeDeliveries(db, rows, remembered),
    mostRows: AT_ONCE,
    mostInFlight: 1,
  });
  return async (batch) => {
    const changed: ClassRef[] = [];
    await Promise.all(
      batch.map(async ({ line, signed }) => {
        try {
          const stored = await commits.submit(signed);
          count(replayed, signed, stored);
          if (stored.ref !== null) changed.push(stored.ref);
        } catch (error) {
          if (databaseUnavailable(error) !== null) throw error;
          wrong(line, String(loggable(error).message));
        }
      }),
    );
    await tellChanges(db, changed);
  };
}

function count(replayed: Replayed, { delivery }: SignedDelivery, { as, ref, late }: StoredDelivery): void {
  if (delivery.kind === 'unusable') replayed.unusable++;
  else if (as === 'set_aside') replayed.setAside++;
  else replayed[as]++;
  if (ref !== null && late !== null) replayed.late[late].set(`${ref.tenantId}/${ref.classId}`, ref);
}

/**
 * Many who each want one row stored share one statement and one commit (architecture §2.6). When none is under way, a batch
 * leaves at once, so nobody waits for others to come; what waits meanwhile goes together. A full one leaves before anything
 * else is done, also before those are answered whose commit made room for it: PostgreSQL works meanwhile.
 */
import { databaseUnavailable } from '../db/client.ts';

export interface GroupCommit<Row, Stored> {
  /** Resolves when the row is committed; rejects when it is not. */
  submit(row: Row): Promise<Stored>;
  /** Rows that are not committed yet. */
  waiting(): number;
  /** Resolves when everything that was submitted is committed or refused. */
  drained(): Promise<void>;
}

export interface GroupCommitOptions<Row, Stored> {
  /** Stores the rows in one transaction and answers for each, in their order; throws when none is stored. */
  write(rows: readonly Row[]): Promise<Stored[]>;
  mostRows: number;
  mostInFlight: number;
  /**
   * So many must wait for a batch to leave beside another, because each costs as much as several rows; 1 when left out, and
   * beside one that is slow.
   */
  fewestBeside?: number;
}

/** So long no batch takes that waits for nobody else's lock. */
const SLOW_AFTER_MS = 50;

interface Waiting<Row, Stored> {
  row: Row;
  resolve(stored: Stored): void;
  reject(error: unknown): void;
}

export function createGroupCommit<Row, Stored>({
  write,
  mostRows,
  mostInFlight,
  fewestBeside = 1,
}: GroupCommitOptions<Row, Stored>): GroupCommit<Row, Stored> {
  let queue: Waiting<Row, Stored>[] = [];
  let underWay = 0;
  let slowUnderWay = 0;
  let rowsUnderWay = 0;
  /** Until whoever submitted has been told; null: nobody is to be. */
  let idle: PromiseWithResolvers<void> | null = null;

  const mayLeave = (): boolean => {
    const fewest = underWay > slowUnderWay ? fewestBeside : 1;
    return underWay < mostInFlight && queue.length >= fewest;
  };

  const send = (): void => {
    const batch = queue.slice(0, mostRows);
    queue = queue.slice(mostRows);
    underWay++;
    rowsUnderWay += batch.length;
    let isSlow = false;
    const slow = setTimeout(() => {
      isSlow = true;
      slowUnderWay++;
      leave();
    }, SLOW_AFTER_MS);
    const ended = (): void => {
      clearTimeout(slow);
      if (isSlow) slowUnderWay--;
      underWay--;
      rowsUnderWay -= batch.length;
      leave();
    };
    void store(batch, ended).finally(() => {
      if (underWay > 0 || queue.length > 0) return;
      idle?.resolve();
      idle = null;
    });
  };

  let leaving = false;
  const leave = (): void => {
    while (mayLeave() && queue.length >= mostRows) send();
    if (leaving || !mayLeave()) return;
    leaving = true;
    // After this turn: whatever else has arrived goes along.
    setImmediate(() => {
      leaving = false;
      while (mayLeave()) send();
    });
  };

  /**
   * A row that cannot be stored fails alone: the batch is halved until it stands by itself.
   * @param ended nothing of it is under way any more, and the last are about to be told
   */
  const store = async (batch: Waiting<Row, Stored>[], ended: () => void): Promise<void> => {
    try {
      const stored = await write(batch.map(({ row }) => row));
      ended();
      for (const [index, { resolve }] of batch.entries()) resolve(stored[index] as Stored);
    } catch (error) {
      // A database that is away stores none of them, however few are tried at once.
      if (batch.length === 1 || databaseUnavailable(error) !== null) {
        ended();
        for (const { reject } of batch) reject(error);
        return;
      }
      const middle = batch.length >> 1;
      await store(batch.slice(0, middle), () => {});
      await store(batch.slice(middle), ended);
    }
  };

  return {
    submit(row) {
      const { promise, resolve, reject } = Promise.withResolvers<Stored>();
      idle ??= Promise.withResolvers();
      queue.push({ row, resolve, reject });
      leave();
      return promise;
    },
    waiting: () => queue.length + rowsUnderWay,
    drained: async () => idle?.promise,
  };
}

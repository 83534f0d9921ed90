import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { DatabaseUnavailable } from '../db/client.ts';
import { lesson, START_MS, startTestApp } from '../http/test-app.ts';
import { readDelivery } from '../livekit/read-webhook.ts';
import { delivery, LIVEKIT, sign } from '../livekit/test-webhook.ts';
import { createGroupCommit } from './group-commit.ts';
import { type Place, type SignedDelivery, type StoredDelivery, storeDeliveries } from './store-deliveries.ts';

/** Stores numbers, remembers the batches, and waits until it is let on. */
function store({
  refuses,
  fewestBeside = 1,
}: {
  refuses?: (rows: readonly number[]) => Error | null;
  fewestBeside?: number;
} = {}) {
  const batches: number[][] = [];
  const gates: (() => void)[] = [];
  const commits = createGroupCommit<number, string>({
    async write(rows) {
      batches.push([...rows]);
      const refusal = refuses?.(rows);
      if (refusal) throw refusal;
      await new Promise<void>((resolve) => gates.push(resolve));
      return rows.map((row) => `stored ${row}`);
    },
    mostRows: 3,
    mostInFlight: 2,
    fewestBeside,
  });
  return { commits, batches, release: () => gates.splice(0).forEach((gate) => void gate()) };
}

/** A batch leaves after the turn in which it came: until then, and until what follows from it. */
const turn = async (): Promise<void> => {
  for (let n = 0; n < 3; n++) await nextTurn();
};

test('a row that comes alone leaves at once', async () => {
  const { commits, batches, release } = store();
  const stored = commits.submit(1);
  await turn();
  expect(batches).toEqual([[1]]);
  release();
  expect(await stored).toBe('stored 1');
});

test('what comes while others are being stored goes together, in order, and no more than fit', async () => {
  const { commits, batches, release } = store();
  const first = [commits.submit(1)];
  await turn();
  const others = [2, 3, 4, 5, 6, 7, 8].map((row) => commits.submit(row));
  await turn();
  expect(batches).toEqual([[1], [2, 3, 4]]);
  expect(commits.waiting()).toBe(8);
  release();
  await turn();
  release();
  expect(batches).toEqual([[1], [2, 3, 4], [5, 6, 7], [8]]);
  expect(await Promise.all([...first, ...others])).toEqual(
    [1, 2, 3, 4, 5, 6, 7, 8].map((n) => `stored ${n}`),
  );
});

test('a full batch has left by the time that those are told whose commit made room for it', async () => {
  const { commits, batches, release } = store();
  const first = Promise.all([1, 2, 3, 4, 5, 6].map((row) => commits.submit(row)));
  const others = [7, 8, 9].map((row) => commits.submit(row));
  release();
  await first;
  expect(batches).toEqual([
    [1, 2, 3],
    [4, 5, 6],
    [7, 8, 9],
  ]);
  release();
  expect(await Promise.all(others)).toEqual(['stored 7', 'stored 8', 'stored 9']);
});

test('it is drained when also that is stored which was submitted by who had just been told', async () => {
  const { commits, batches, release } = store();
  const second = commits.submit(1).then(() => commits.submit(2));
  const drained = commits.drained().then(() => [...batches]);
  await turn();
  release();
  await turn();
  release();
  expect(await second).toBe('stored 2');
  expect(await drained).toEqual([[1], [2]]);
});

describe('too few to be worth a batch beside another', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  test('wait until that is stored', async () => {
    const { commits, batches, release } = store({ fewestBeside: 2 });
    const first = commits.submit(1);
    await turn();
    const second = commits.submit(2);
    await turn();
    expect(batches).toEqual([[1]]);
    release();
    await first;
    await turn();
    expect(batches).toEqual([[1], [2]]);
    release();
    expect(await second).toBe('stored 2');
  });

  test('leave nevertheless when that is slow, as often as it comes to that', async () => {
    const { commits, batches, release } = store({ fewestBeside: 2 });
    for (const n of [1, 3]) {
      const first = commits.submit(n);
      await turn();
      const second = commits.submit(n + 1);
      await turn();
      expect(batches).toHaveLength(n);
      vi.advanceTimersByTime(50);
      await turn();
      expect(batches).toHaveLength(n + 1);
      release();
      expect(await Promise.all([first, second])).toEqual([`stored ${n}`, `stored ${n + 1}`]);
    }
  });
});

describe('a batch that cannot be stored', () => {
  test('is halved until the poisoned row stands alone, and fails alone', async () => {
    const poisoned = {
      refuses: (rows: readonly number[]) => (rows.includes(13) ? new Error('22P02') : null),
    };
    const batches: number[][] = [];
    const commits = createGroupCommit<number, number>({
      async write(rows) {
        batches.push([...rows]);
        const refusal = poisoned.refuses(rows);
        if (refusal) throw refusal;
        return [...rows];
      },
      mostRows: 100,
      mostInFlight: 2,
    });
    const rows = Array.from({ length: 100 }, (_, n) => n);
    const outcomes = await Promise.allSettled(rows.map((row) => commits.submit(row)));
    expect(outcomes.flatMap(({ status }, n) => (status === 'rejected' ? [n] : []))).toEqual([13]);
    expect(batches.length).toBeLessThan(20);
  });

  test('is given back whole when the database is away: trying the rows one by one would not help', async () => {
    const away = new DatabaseUnavailable(new Error('ECONNREFUSED'));
    const { commits, batches } = store({ refuses: () => away });
    const outcomes = await Promise.allSettled([1, 2, 3].map((row) => commits.submit(row)));
    expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason)).toEqual([
      away,
      away,
      away,
    ]);
    expect(batches).toEqual([[1, 2, 3]]);
  });

  test('leaves nothing waiting behind it', async () => {
    const { commits } = store({ refuses: () => new Error('never') });
    await Promise.allSettled([1, 2, 3, 4, 5].map((row) => commits.submit(row)));
    await commits.drained();
    expect(commits.waiting()).toBe(0);
  });
});

test('drained waits for what is under way, and for what waits', async () => {
  const { commits, release } = store();
  await commits.drained();
  for (const row of [1, 2, 3, 4, 5, 6, 7]) void commits.submit(row);
  let drained = false;
  const waiting = commits.drained().then(() => {
    drained = true;
  });
  for (let n = 0; n < 2; n++) {
    await turn();
    expect(drained).toBe(false);
    release();
  }
  await waiting;
  expect(commits.waiting()).toBe(0);
});

describe('on PostgreSQL', () => {
  test('one row of a full batch that is refused is refused alone, and LiveKit is to send it again', async () => {
    const app = await startTestApp({ livekit: LIVEKIT });
    onTestFinished(() => app.stop());
    const { body: scheduled } = await app.call('POST', '/api/schedule/class', {
      body: lesson({ provider: 'livekit' }),
    });
    app.clock.nowMs = START_MS;
    await app.owner.unsafe(`
      create function refuse() returns trigger language plpgsql as $$ begin raise exception 'poisoned'; end $$;
      create trigger refuse before insert on events for each row when (new.connection = 'PA_13') execute function refuse();
    `);
    const told = Array.from({ length: 100 }, (_, n) =>
      delivery('participant_joined', {
        room: scheduled.room_name,
        sid: `PA_${n}`,
        identity: `guest ${n}`,
        atMs: START_MS,
      }),
    );

    const batches: number[] = [];
    const remembered = new Map<string, Place>();
    const commits = createGroupCommit<SignedDelivery, StoredDelivery>({
      write(rows) {
        batches.push(rows.length);
        return storeDeliveries(app.db, rows, remembered);
      },
      mostRows: 100,
      mostInFlight: 1,
    });
    const outcomes = await Promise.allSettled(
      told.map((one) =>
        commits.submit({
          delivery: readDelivery(Buffer.from(JSON.stringify(one)), START_MS),
          keyTenant: null,
        }),
      ),
    );
    expect(batches[0]).toBe(100);
    expect(outcomes.flatMap(({ status }, n) => (status === 'rejected' ? [n] : []))).toEqual([13]);
    const stored = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value.as] : []));
    expect(stored).toEqual(Array(99).fill('accepted'));
    expect(await app.count('events')).toBe(99);

    const raw = JSON.stringify(told[13]);
    const headers = { authorization: await sign(raw) };
    const send = () => app.call('POST', '/webhooks/livekit', { token: null, raw, headers });
    const refused = await send();
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([
      503,
      expect.stringMatching(/^\d+$/),
    ]);
    await app.owner`drop trigger refuse on events`;
    expect((await send()).body).toEqual({ stored: 'accepted' });
    expect(await app.count('events')).toBe(100);
  });
});

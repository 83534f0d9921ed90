import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createLog } from '../log.ts';
import { createChangeTeller } from './changes.ts';
import { classKey, openDatabase } from './client.ts';
import { createTestDatabase, type TestDatabase } from './test-database.ts';
import { collectYoung, isYoung } from './test-heap.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  await database?.drop();
});

// V8 makes what an old map grows by in the old generation, and nothing that such a map ever held is collected young.
test('changes are gathered in a map that is young, however long the former one lived', async () => {
  const db = openDatabase(database.serviceUrl, 'rollcall-test-changes', 1);
  const teller = createChangeTeller(db, createLog('test', 'silent'));
  const tell = async (classId: string, whileGathered: () => void): Promise<boolean> => {
    const ref = { tenantId: 'school', classId };
    const set = vi.spyOn(Map.prototype, 'set');
    teller.changed(ref);
    const nth = set.mock.calls.findIndex(([key]) => key === classKey(ref));
    const gathered: unknown = set.mock.contexts[nth];
    set.mockRestore();
    whileGathered();
    const wasYoung = isYoung(gathered);
    await teller.told();
    return wasYoung;
  };
  const first = await tell('first', () => {
    for (let n = 0; n < 3; n++) collectYoung();
  });
  const second = await tell('second', () => {});
  await db.close();
  expect([first, second]).toEqual([false, true]);
});

import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { calculateAttendance } from '../attendance/calculate.ts';
import { tellChanges } from '../db/changes.ts';
import { readClassFacts } from '../db/class-facts.ts';
import { inTenant, type Tx } from '../db/client.ts';
import { readClass } from '../db/plans.ts';
import { policyOf } from '../db/policy-in-force.ts';
import { scheduleClass } from '../db/schedule-class.ts';
import { ensureTenant } from '../db/tenants.ts';
import { createTestDatabase, type TestDatabase } from '../db/test-database.ts';
import { readDelivery } from '../livekit/read-webhook.ts';
import { asKept, delivery } from '../livekit/test-webhook.ts';
import { adoptRoom } from './adopt-room.ts';
import { type Place, type SignedDelivery, type StoredDelivery, storeDeliveries } from './store-deliveries.ts';

const START_MS = Date.parse('2026-09-07T09:00:00.000Z');
const MINUTE_MS = 60_000;
const ID = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

let database: TestDatabase;
let owner: postgres.Sql;
beforeAll(async () => {
  database = await createTestDatabase();
  owner = postgres(database.ownerUrl, { max: 1, onnotice: () => {} });
});
afterAll(async () => {
  await owner.end();
  await database.drop();
});

let classes = 0;
let classId: string;
let room: string;
/** The teacher, then two students. */
let people: string[];
beforeEach(async () => {
  ({ classId, room, people } = await schedule('school'));
});

async function schedule(tenantId: string, db = database.db) {
  const id = ID(++classes);
  const roomName = `${tenantId}-academic-session-${id}`;
  const roster = await inTenant(db, tenantId, async (tx) => {
    await ensureTenant(tx, tenantId);
    const scheduled = await scheduleClass(tx, tenantId, {
      classId: id,
      externalId: null,
      subject: 'Algebra',
      startMs: START_MS,
      endMs: START_MS + 40 * MINUTE_MS,
      sessionType: 'academic',
      provider: 'livekit',
      meetingCode: null,
      roomName,
      policy: 'itqan',
      timeZone: 'UTC',
      policyDate: '2026-09-07',
      openLeadSeconds: 60,
      pollSeconds: 180,
      verifySeconds: 120,
      graceSeconds: 300,
      scheduledAtMs: START_MS - MINUTE_MS,
      teacherEmail: `teacher-${id}@school.example`,
      studentEmails: [`amal-${id}@school.example`, `basil-${id}@school.example`],
      asked: { fields: {}, defaulted: [] },
    });
    if (scheduled.kind !== 'created') throw new Error('it was there already');
    return scheduled.view.roster.map(({ personId }) => personId);
  });
  return { classId: id, room: roomName, people: roster };
}

const signed = (what: Record<string, unknown>, keyTenant: string | null = null): SignedDelivery => ({
  delivery: readDelivery(Buffer.from(JSON.stringify(what)), START_MS + 60 * MINUTE_MS),
  keyTenant,
});

const store = async (
  batch: SignedDelivery[],
  remembered = new Map<string, Place>(),
): Promise<StoredDelivery[]> => await storeDeliveries(database.db, batch, remembered);

const storedAs = (stored: StoredDelivery[]) => stored.map(({ as }) => as);

/** What the rules make of everything that is in the log. */
async function calculated(): Promise<Record<string, [string, number]>> {
  const ref = { tenantId: 'school', classId };
  const facts = await inTenant(database.db, 'school', async (tx) => {
    const { row, session } = await readClass(tx, ref);
    return await readClassFacts(tx, ref, { row, session, policy: await policyOf(tx, row) });
  });
  const { people: records } = calculateAttendance(facts, { kind: 'settled' }, (text) => text);
  return Object.fromEntries(
    records.map(({ personId, status, presentSeconds }) => [personId, [status, presentSeconds]]),
  );
}

/** Two students and a teacher: a reconnect, a second device, somebody thrown out, an agent, an abort, two room instances. */
function livelyClass(): Record<string, unknown>[] {
  const [teacher, amal, basil] = people;
  const at = (minutes: number): number => START_MS + minutes * MINUTE_MS;
  const stay = (
    sid: string,
    identity: string,
    from: number,
    to: number,
    more: Record<string, unknown> = {},
  ) => {
    const told = { room, roomSid: from < 20 ? 'RM_1' : 'RM_2', sid, identity };
    return [
      delivery('participant_joined', { ...told, atMs: at(from), participant: more }),
      delivery('participant_left', { ...told, atMs: at(to), joinedMs: at(from), participant: more }),
    ];
  };
  return [
    delivery('room_started', { room, roomSid: 'RM_1', atMs: at(-1) }),
    ...stay('PA_t1', `${teacher}:web`, -1, 19),
    ...stay('PA_t2', `${teacher}:web`, 21, 41),
    ...stay('PA_a1', `${amal}:web`, 0, 12),
    ...stay('PA_a2', `${amal}:phone`, 8, 19),
    ...stay('PA_a3', `${amal}:web`, 22, 40),
    ...stay('PA_b1', `${basil}:web`, 3, 9, { disconnectReason: 'PARTICIPANT_REMOVED' }),
    ...stay('PA_b2', `${basil}:web`, 30, 39),
    ...stay('PA_x', 'agent-1', 0, 40, { kind: 'AGENT' }),
    delivery('participant_connection_aborted', {
      room,
      roomSid: 'RM_2',
      sid: 'PA_c',
      identity: `${basil}:web`,
      atMs: at(25),
    }),
    delivery('room_finished', { room, roomSid: 'RM_1', atMs: at(20) }),
    delivery('room_started', { room, roomSid: 'RM_2', atMs: at(21) }),
    delivery('room_finished', { room, roomSid: 'RM_2', atMs: at(42) }),
  ];
}

/** The log is append-only for everybody but this connection, which fires no triggers. */
function loginThatMayDelete(): postgres.Sql {
  const connection = { session_replication_role: 'replica' };
  const sql = postgres(database.ownerUrl, { max: 1, connection });
  onTestFinished(() => sql.end());
  return sql;
}

test('in a thousand orders of one lively class, cut into batches and with repetitions, the log is the same', {
  timeout: 300_000,
}, async () => {
  const told = livelyClass().map((one) => signed(one));
  const shape = async (): Promise<string> => {
    const rows = await owner`select kind, at, joined_at, connection, room, identity, reason, source_event_id
      from events where class_id = ${classId} order by source_event_id`;
    return JSON.stringify(rows);
  };
  await store(told);
  const expected = await shape();
  const presence = await calculated();
  const [teacher, amal, basil] = people as [string, string, string];
  expect(presence).toEqual({
    // 0–19 and 21–40, of 40 minutes; 0–19 and 22–40; 3–9 and 30–39, whatever came when.
    [teacher]: ['present', 38 * 60],
    [amal]: ['present', 37 * 60],
    [basil]: ['partial', 15 * 60],
  });

  const eraser = loginThatMayDelete();
  await fc.assert(
    fc.asyncProperty(
      fc.shuffledSubarray(told, { minLength: told.length }),
      fc.array(fc.nat(told.length - 1), { maxLength: 8 }),
      fc.integer({ min: 9, max: 30 }),
      async (order, again, size) => {
        await eraser`delete from events where class_id = ${classId}`;
        const all = [...order, ...again.flatMap((n) => told[n] ?? [])];
        // A server that has just started remembers nobody.
        const remembered = new Map<string, Place>();
        const stored: StoredDelivery[] = [];
        for (let from = 0; from < all.length; from += size) {
          stored.push(...(await store(all.slice(from, from + size), remembered)));
        }
        expect(stored.filter(({ as }) => as === 'accepted')).toHaveLength(told.length);
        expect(await shape()).toBe(expected);
      },
    ),
    { numRuns: 1_000 },
  );
  expect(await calculated()).toEqual(presence);
});

describe('half of a stay', () => {
  test('left before joined is the same stay', async () => {
    const [, amal] = people;
    const told = { room, sid: 'PA_1', identity: `${amal}:web` };
    await store([
      signed(delivery('participant_left', { ...told, atMs: START_MS + 30 * MINUTE_MS, joinedMs: START_MS })),
    ]);
    const before = await calculated();
    await store([signed(delivery('participant_joined', { ...told, atMs: START_MS }))]);
    expect((await calculated())[amal ?? '']?.[1]).toBe(30 * 60);
    expect(before[amal ?? '']?.[1]).toBe(30 * 60);
  });
});

test.for([
  ['as LiveKit writes it', ['"', '\\', '\\n', ',', '{}', 'NULL', ' شيماء 🖐 '], 0],
  ['with control characters', ['a\nb', '\t', '\u0001', 'NULL', '"\\', ' شيماء 🖐 '], 2],
] as const)('what was sent is stored letter for letter %s', async ([, words, indent]) => {
  // A room that opens has nobody: in each column there is something and nothing.
  const sent = words.flatMap((word, n) => {
    const told = { room, roomSid: `RM_${word}`, atMs: START_MS + n };
    const joined = delivery('participant_joined', { ...told, sid: `PA_${word}`, identity: `guest ${word}` });
    return [
      { ...delivery('room_started', told), id: `${classId} ${word}` },
      { ...joined, id: `${word} ${classId}` },
    ];
  });
  const raws = sent.map((what) => JSON.stringify(what, null, indent));
  await store(raws.map((raw) => ({ delivery: readDelivery(Buffer.from(raw), START_MS), keyTenant: null })));
  const rows = await owner<{ id: string; raw: string; room: string; connection: string | null }[]>`
    select source_event_id as id, raw, room, connection from events where class_id = ${classId}`;
  const stored = new Map(rows.map((row) => [row.id, { ...row }]));
  expect(stored.size).toBe(sent.length);
  for (const [n, { id }] of sent.entries()) {
    const word = words[Math.floor(n / 2)];
    const connection = n % 2 === 0 ? null : `PA_${word}`;
    expect(stored.get(id)).toEqual({ id, raw: asKept(raws[n] ?? ''), room: `RM_${word}`, connection });
  }
});

test('rooms of several tenants are stored in one commit, each row with its own', async () => {
  const theirs = await schedule('academy');
  const started = (name: string, sid: string) =>
    signed(delivery('room_started', { room: name, roomSid: sid, atMs: START_MS }));
  const stored = await store([
    started(room, 'RM_a'),
    started(theirs.room, 'RM_b'),
    started('room-of-nobody', 'RM_c'),
  ]);
  expect(stored).toEqual([
    { as: 'accepted', tenantId: 'school', ref: { tenantId: 'school', classId }, late: null },
    {
      as: 'accepted',
      tenantId: 'academy',
      ref: { tenantId: 'academy', classId: theirs.classId },
      late: null,
    },
    { as: 'set_aside', tenantId: null, ref: null, late: null },
  ]);
  const rows = await owner`select tenant_id, room from events where room in ('RM_a', 'RM_b') order by room`;
  expect(rows.map(({ tenant_id: tenant }) => tenant)).toEqual(['school', 'academy']);
  const [aside] = await owner`select tenant_id from set_aside where room_name = 'room-of-nobody'`;
  expect(aside).toEqual({ tenant_id: null });
});

/** How much a class of that school gets that is given the room, for as long as one looks. */
async function adoptedBy(tenantId: string, name: string): Promise<number> {
  const theirs = await schedule(tenantId);
  await owner`update sessions set room_name = ${name} where class_id = ${theirs.classId}`;
  const many = await inTenant(database.db, tenantId, (tx) =>
    adoptRoom(tx, { tenantId, classId: theirs.classId }, name),
  );
  await owner`update sessions set room_name = null where class_id = ${theirs.classId}`;
  return many;
}

test("what the key of a school signed before it has a row is that school's, and no class of another gets it", async () => {
  const name = 'room-of-a-school-to-come';
  const told = delivery('room_started', { room: name, roomSid: 'RM_c', atMs: START_MS });
  expect(await store([signed(told, 'to-come')])).toMatchObject([{ as: 'set_aside', tenantId: 'to-come' }]);
  expect(await adoptedBy('academy', name)).toBe(0);
  expect(await adoptedBy('to-come', name)).toBe(1);
});

test("what was replayed as nobody's and then with a school's own key is that school's", async () => {
  const name = 'room-replayed-twice';
  const told = delivery('room_started', { room: name, roomSid: 'RM_c', atMs: START_MS });
  for (const key of [null, 'south', 'south', null]) await store([signed(told, key)]);
  const rows = await owner`select key_tenant from set_aside where room_name = ${name} order by id`;
  expect(rows.map(({ key_tenant: key }) => key)).toEqual([null, 'south']);
  expect(await adoptedBy('north', name)).toBe(0);
  expect(await adoptedBy('south', name)).toBe(1);
});

describe('a room that is given to a class while it is told of', () => {
  /** Of a room that no class has. */
  const told = () => signed(delivery('room_started', { room, roomSid: 'RM_n', atMs: START_MS }));
  const oneWaits = () =>
    vi.waitUntil(
      async () => {
        const [found] = await owner`select count(*)::integer as n from pg_locks
          where locktype = 'advisory' and not granted
            and database = (select oid from pg_database where datname = current_database())`;
        return found?.n === 1;
      },
      { timeout: 20_000 },
    );
  const adopt = (tx: Tx) => adoptRoom(tx, { tenantId: 'school', classId }, room);
  const ours = () => sql`update sessions set room_name = ${room} where class_id = ${classId}`;
  beforeEach(async () => {
    await owner`update sessions set room_name = null where class_id = ${classId}`;
  });

  test('what comes after waits for the class', async () => {
    const stored = await inTenant(database.db, 'school', async (tx) => {
      await tx.execute(ours());
      expect(await adopt(tx)).toBe(0);
      const storing = store([told()]);
      await oneWaits();
      return { storing };
    });
    expect(await stored.storing).toMatchObject([{ as: 'accepted', ref: { classId } }]);
  });

  test('what came before is waited for', async () => {
    const storing = await database.db.sql.reserve();
    onTestFinished(() => storing.release());
    await storing`begin`;
    expect(storedAs(await storeDeliveries({ sql: storing }, [told()], new Map()))).toEqual(['set_aside']);
    const adopted = inTenant(database.db, 'school', async (tx) => {
      await tx.execute(ours());
      return await adopt(tx);
    });
    await oneWaits();
    await storing`commit`;
    expect(await adopted).toBe(1);
  });
});

test('who is met in a room that has no class yet, or by a key that does not open it, is met again in the class', async () => {
  const remembered = new Map<string, Place>();
  const joined = delivery('participant_joined', {
    room,
    sid: 'PA_s',
    identity: `${people[1]}:web`,
    atMs: START_MS,
  });
  expect(storedAs(await store([signed(joined, 'academy')], remembered))).toEqual(['set_aside']);
  expect(storedAs(await store([signed(joined)], remembered))).toEqual(['accepted']);
  const [first] =
    await owner`select count(*)::integer as n from class_identities where class_id = ${classId}`;
  expect(first?.n).toBe(1);
});

test('who is known is met again when the tenant writes identities in another form', async () => {
  const remembered = new Map<string, Place>();
  const joined = (sid: string) =>
    signed(delivery('participant_joined', { room, sid, identity: 'u7_Amal_Amin', atMs: START_MS }));
  const identities = async () =>
    (
      await owner`select i.identity from class_identities c join identities i on i.id = c.identity_id
        where c.class_id = ${classId} order by i.identity`
    ).map(({ identity }) => identity);
  await store([joined('PA_f1')], remembered);
  expect(await identities()).toEqual(['u7_Amal_Amin']);
  await owner`update tenants set settings = settings || '{"identity_form": "itqan"}' where tenant_id = 'school'`;
  onTestFinished(async () => {
    await owner`update tenants set settings = settings - 'identity_form' where tenant_id = 'school'`;
  });
  expect(storedAs(await store([joined('PA_f2')], remembered))).toEqual(['accepted']);
  expect(await identities()).toEqual(['u7', 'u7_Amal_Amin']);
  const rows = await owner`select identity from events where class_id = ${classId} order by id`;
  expect(rows.map(({ identity }) => identity)).toEqual(['u7_Amal_Amin', 'u7']);
});

test('who is known is met again in the class that has got the room since', async () => {
  const remembered = new Map<string, Place>();
  const joined = (sid: string) =>
    signed(delivery('participant_joined', { room, sid, identity: `${people[1]}:web`, atMs: START_MS }));
  await store([joined('PA_m1')], remembered);
  const before = classId;
  ({ classId } = await schedule('school'));
  await giveRoom(before, classId);
  const [stored] = await store([joined('PA_m2')], remembered);
  expect(stored).toMatchObject({ as: 'accepted', ref: { classId } });
  const [met] = await owner`select count(*)::integer as n from class_identities where class_id = ${classId}`;
  expect(met?.n).toBe(1);
});

/** The one gives up its room and the other takes it. */
async function giveRoom(from: string, to: string): Promise<void> {
  await owner`update sessions set room_name = null where class_id = ${from}`;
  await owner`update sessions set room_name = ${room} where class_id = ${to}`;
}

describe('whose a room is, is asked once', () => {
  const started = (name: string, sid: string): SignedDelivery =>
    signed(delivery('room_started', { id: `EV_${sid}_${name}`, room: name, roomSid: sid, atMs: START_MS }));

  test('and remembered from then on', async () => {
    const remembered = new Map<string, Place>();
    await store([started(room, 'RM_1')], remembered);
    const [was] = await owner`select pg_get_functiondef('rollcall_room_owners'::regproc) as definition`;
    await owner.unsafe(`create or replace function rollcall_room_owners(rooms text[], key_tenants text[], default_pattern text)
      returns table (n integer, tenant_id text, class_id uuid, identity_form text) language plpgsql
      as $$ begin raise exception 'asked'; end $$`);
    try {
      const stored = await store([started(room, 'RM_2')], remembered);
      expect(stored).toMatchObject([{ as: 'accepted', ref: { tenantId: 'school', classId } }]);
      await expect(store([started(room, 'RM_3')])).rejects.toThrow('asked');
    } finally {
      await owner.unsafe(was?.definition);
    }
  });

  test('not of one that nobody has: it may be somebody’s soon', async () => {
    const remembered = new Map<string, Place>();
    await store([started('room-of-nobody-yet', 'RM_3')], remembered);
    expect(remembered.size).toBe(0);
  });

  test('for each key: another tenant’s opens another room of that name', async () => {
    await schedule('academy');
    const remembered = new Map<string, Place>();
    await store([started(room, 'RM_4')], remembered);
    const theirs = { ...started(room, 'RM_5'), keyTenant: 'academy' };
    const [stored] = await store([theirs], remembered);
    expect(stored).toMatchObject({ as: 'set_aside', tenantId: 'academy', ref: null });
  });

  test('of some in a batch, while the others are found', async () => {
    const { classId: theirs, room: theirRoom } = await schedule('academy');
    const { classId: second, room: secondRoom } = await schedule('school');
    const remembered = new Map<string, Place>();
    await store([started(secondRoom, 'RM_6')], remembered);
    const batch = [
      started(room, 'RM_7'),
      started(secondRoom, 'RM_8'),
      started('room-of-nobody', 'RM_9'),
      started(theirRoom, 'RM_10'),
      started(secondRoom, 'RM_11'),
    ];
    const stored = await store(batch, remembered);
    expect(stored.map(({ as, ref }) => [as, ref?.classId])).toEqual([
      ['accepted', classId],
      ['accepted', second],
      ['set_aside', undefined],
      ['accepted', theirs],
      ['accepted', second],
    ]);
  });

  test.each([
    [
      'that gave it up',
      () => schedule('school').then((other) => giveRoom(classId, other.classId)),
      'accepted',
    ],
    [
      'that has none any more',
      () => owner`update sessions set room_name = null where class_id = ${classId}`,
      'set_aside',
    ],
  ] as const)('and again of a class %s', async (_, move, as) => {
    const remembered = new Map<string, Place>();
    await store([started(room, 'RM_12')], remembered);
    await move();
    const [other] = await owner`select class_id from sessions where room_name = ${room}`;
    // One that says something about presence, and one that does not.
    const told = [
      started(room, 'RM_13'),
      signed({ id: `EV_o_${classId}`, event: 'track_published', room: { name: room } }),
    ];
    const stored = await store(told, remembered);
    expect(stored.map(({ as, ref }) => [as, ref?.classId])).toEqual([
      [as, other?.class_id],
      ['set_aside', other?.class_id],
    ]);
    const [kept] = await owner`select count(*)::integer as n from events where class_id = ${classId}`;
    expect(kept?.n).toBe(1);
  });
});

const joining = (identity: string, sid: string): SignedDelivery =>
  signed(delivery('participant_joined', { room, sid, identity, atMs: START_MS }));

test('who comes for the first time is registered by the statement that stores the delivery', async () => {
  const sent: string[] = [];
  const connection = { role: 'rollcall_app' };
  const watched = postgres(database.serviceUrl, {
    max: 1,
    connection,
    fetch_types: false,
    debug: (_, query) => sent.push(query),
  });
  onTestFinished(() => watched.end());
  await storeDeliveries(
    { sql: watched },
    [joining(`${people[1]}:web`, 'PA_own'), joining('guest-1', 'PA_guest')],
    new Map(),
  );
  expect(sent).toHaveLength(1);
  const rows =
    await owner`select c.state, c.person_id from class_identities c where c.class_id = ${classId} order by 1`;
  expect(rows).toEqual([
    { state: 'matched', person_id: people[1] },
    { state: 'unmatched', person_id: null },
  ]);
});

test('who is known from another room waits for nobody who has to do with them there', async () => {
  await store([joining('guest-of-many', 'PA_here')]);
  await owner.begin(async (elsewhere) => {
    await elsewhere`select from identities where identity = 'guest-of-many' for no key update`;
    ({ classId, room } = await schedule('school'));
    expect(storedAs(await store([joining('guest-of-many', 'PA_there')]))).toEqual(['accepted']);
  });
});

test('batches that overlap in opposite orders do not wait for each other in a circle', async () => {
  const told = Array.from({ length: 60 }, (_, n) =>
    signed(
      delivery('participant_joined', {
        room,
        sid: `PA_${n}`,
        identity: `${people[n % 3]}:d${n}`,
        atMs: START_MS + n,
      }),
    ),
  );
  const outcomes = await Promise.all([
    ...Array.from({ length: 6 }, () => store(told)),
    ...Array.from({ length: 6 }, () => store(told.toReversed())),
  ]);
  expect(outcomes.flat().filter(({ as }) => as === 'accepted')).toHaveLength(60);
});

test('whoever was seen before their account was made is matched, in whatever order batches have them', async () => {
  const late = Array.from({ length: 40 }, (_, n) => ID(9_000 + n));
  const met = (sid: string) => late.map((id, n) => joining(`${id}:web`, `PA_${sid}_${n}`));
  await store(met('before'));
  await owner`insert into people (tenant_id, id, email, name)
    select 'school', id::uuid, id || '@school.example', 'Late' from unnest(${late}::text[]) id`;
  await Promise.all(
    Array.from({ length: 4 }, (_, n) => [store(met(`a${n}`)), store(met(`b${n}`).toReversed())]).flat(),
  );
  const [matched] = await owner`select count(*)::integer as n from class_identities
    where class_id = ${classId} and state = 'matched' and person_id = any(${late})`;
  expect(matched?.n).toBe(40);
});

test('one row that PostgreSQL refuses takes the transaction with it: the batch is whole or not at all', async () => {
  const good = signed(delivery('room_started', { room, roomSid: 'RM_g', atMs: START_MS }));
  const poisoned = structuredClone(good);
  poisoned.delivery.eventId = 'EV_\0';
  await expect(store([good, poisoned])).rejects.toThrow();
  expect(storedAs(await store([good]))).toEqual(['accepted']);
});

test('nobody is told with the commit: commits that tell wait for each other', async () => {
  const heard: string[] = [];
  const listening = database.db.another();
  onTestFinished(() => listening.end());
  await listening.listen('rollcall_change', (payload) => heard.push(payload));
  await store(livelyClass().map((one) => signed(one)));
  await tellChanges(database.db, [{ tenantId: 'school', classId: ID(0) }]);
  await vi.waitUntil(() => heard.length > 0, { timeout: 20_000 });
  expect(heard).toEqual([`school ${ID(0)}`]);
});

test('a repetition is found by its id, also while PostgreSQL has no statistics', async () => {
  const fresh = await createTestDatabase();
  onTestFinished(() => fresh.drop());
  const ofFresh = postgres(fresh.ownerUrl, { max: 1 });
  onTestFinished(() => ofFresh.end());
  const one = await schedule('school', fresh.db);
  const told = signed(delivery('room_started', { room: one.room, roomSid: 'RM_r', atMs: START_MS }));
  await storeDeliveries(fresh.db, [told], new Map());
  await ofFresh`insert into events (tenant_id, class_id, source, source_event_id, kind, at, content_hash)
    select 'school', ${one.classId}, 'livekit', 'EV_other' || n, 'room_opened', now(), 'h' from generate_series(1, 3000) n`;
  const read = await ofFresh.begin(async (tx) => {
    await tx`set local role rollcall_app`;
    const db = { sql: tx as unknown as postgres.Sql };
    expect(storedAs(await storeDeliveries(db, [told], new Map()))).toEqual(['duplicate']);
    const [row] =
      await tx`select seq_tup_read + idx_tup_fetch as rows from pg_stat_xact_user_tables where relname = 'events'`;
    return Number(row?.rows);
  });
  expect(read).toBeLessThan(20);
});

describe('evidence after the end', () => {
  const left = () =>
    signed(
      delivery('participant_left', {
        room,
        sid: 'PA_late',
        identity: `${people[1]}:web`,
        atMs: START_MS + 1_000,
        joinedMs: START_MS,
      }),
    );
  const pending = async () =>
    (await owner`select evidence_pending as p from classes where id = ${classId}`)[0]?.p;

  test('of a class that is settled is noted, so that it is calculated even when this server dies now', async () => {
    await owner`update classes set status = 'completed', settled_at = now() where id = ${classId}`;
    expect(await store([left()])).toMatchObject([{ as: 'accepted', late: 'settled' }]);
    expect(await pending()).toBe(true);
    const [late] =
      await owner`select class_id from rollcall_uncalculated_classes(10) where class_id = ${classId}`;
    expect(late).toBeDefined();
  });

  test('of a class that is settled while this waits for the calculation is noted too', async () => {
    const watching = postgres(database.ownerUrl, { max: 1 });
    onTestFinished(() => watching.end());
    const storing = await owner.begin(async (tx) => {
      await tx`select from classes where id = ${classId} for update`;
      const begun = store([left()]);
      await vi.waitUntil(
        async () =>
          (
            await watching`select from pg_stat_activity
              where datname = current_database() and wait_event_type = 'Lock'`
          ).length > 0,
        { timeout: 20_000 },
      );
      await tx`update classes set status = 'completed', settled_at = now() where id = ${classId}`;
      return { begun };
    });
    expect(await storing.begun).toMatchObject([{ as: 'accepted', late: 'settled' }]);
    expect(await pending()).toBe(true);
  });

  test('waits for nobody else who has stored evidence of the class: two such would wait for each other', async () => {
    await owner`update classes set status = 'completed', settled_at = now() where id = ${classId}`;
    await owner.begin(async (tx) => {
      // As the foreign key of an event does.
      await tx`select from classes where id = ${classId} for key share`;
      expect(await store([left()])).toMatchObject([{ as: 'accepted', late: 'settled' }]);
    });
  });

  test('that is a repetition is no news', async () => {
    await store([left()]);
    await owner`update classes set status = 'completed', settled_at = now() where id = ${classId}`;
    expect(await store([left()])).toMatchObject([{ as: 'duplicate', late: null }]);
    expect(await pending()).toBe(false);
  });

  test('of a cancelled class is kept and changes nothing', async () => {
    await owner`update classes set status = 'cancelled', cancelled_at = now(), settled_at = now() where id = ${classId}`;
    expect(await store([left()])).toMatchObject([{ as: 'accepted', late: null }]);
    expect(await pending()).toBe(false);
  });
});

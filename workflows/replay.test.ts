/** Runs that began with older code must go on with this one: every recorded history is replayed. */
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { bundleWorkflowCode, DefaultLogger, Worker, type WorkflowBundle } from '@temporalio/worker';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const HISTORIES = join(ROOT, 'workflows/histories');
const recorded = (await readdir(HISTORIES)).filter((name) => name.endsWith('.json'));

const quiet = new DefaultLogger('ERROR');
const bundle = (root: string): Promise<WorkflowBundle> =>
  bundleWorkflowCode({ workflowsPath: join(root, 'workflows/index.ts'), logger: quiet });

/** What failed in the replay of each history, by one worker: starting one takes longer than a replay. */
async function replay(
  workflowBundle: WorkflowBundle,
  names: readonly string[],
): Promise<Map<string, Error | undefined>> {
  const histories = names.map(async (name) => ({
    workflowId: name,
    history: historyFromJSON(JSON.parse(await readFile(join(HISTORIES, name), 'utf8'))),
  }));
  const failures = new Map<string, Error | undefined>();
  const replayed = Worker.runReplayHistories({ workflowBundle }, await Promise.all(histories));
  for await (const { workflowId, error } of replayed) failures.set(workflowId, error);
  return failures;
}

describe('recorded histories', () => {
  let failures: Map<string, Error | undefined>;
  beforeAll(async () => {
    failures = await replay(await bundle(ROOT), recorded);
  });

  test.each(recorded)('%s is replayed', (name) => {
    expect(failures.has(name)).toBe(true);
    expect(failures.get(name)).toBeUndefined();
  });

  test.each([
    ['await-start', /"ContinuedAsNew|workflowExecutionContinuedAsNewEventAttributes/],
    ['live', /workflowExecutionContinuedAsNewEventAttributes/],
    ['reconcile', /workflowExecutionCompletedEventAttributes/],
  ])('there is one of the phase %s', async (phase, ending) => {
    const texts = await Promise.all(
      recorded
        .filter((name) => name.endsWith(`-${phase}.json`))
        .map((name) => readFile(join(HISTORIES, name), 'utf8')),
    );
    expect(texts.some((text) => ending.test(text))).toBe(true);
  });

  test.each(['completed', 'incomplete', 'cancelled'])('there is one that ends %s', async (ending) => {
    const result = Buffer.from(JSON.stringify(ending)).toString('base64');
    const texts = await Promise.all(recorded.map((name) => readFile(join(HISTORIES, name), 'utf8')));
    expect(
      texts.some((text) => text.includes(`"result":{"payloads":[{"metadata"`) && text.includes(result)),
    ).toBe(true);
  });

  test('they name no people', async () => {
    for (const name of recorded) {
      const text = await readFile(join(HISTORIES, name), 'utf8');
      const payloads = [...text.matchAll(/"data":"([^"]+)"/g)].map((match) =>
        Buffer.from(match[1] ?? '', 'base64').toString(),
      );
      expect([text, ...payloads].filter((part) => part.includes('@school.example'))).toEqual([]);
    }
  });
});

/** Two steps of a phase, as the code has them, that are done the other way round; and a history that must notice. */
const REORDERINGS = [
  {
    phase: 'await-start',
    first: 'space.ifNeeded(plan);',
    second: "await alarm.until(plan.openAtMs, () => bells.plan, 'Sleep until the session is opened');",
    history: 'incomplete.1-await-start.json',
  },
  {
    phase: 'grace',
    first: "await fetchAll(session, { scope: 'all', untilMs: askAgainMs });",
    second:
      "if (await cancelledBefore(room, askAgainMs, 'Grace: until everybody is fetched once more')) return true;",
    history: 'completed.2-live.json',
  },
  {
    phase: 'grace',
    first: "await listAtTheEnd(session, { scope: 'all', untilMs });",
    second: "if ((await deleteEmptyRoom(session, { untilMs })) !== 'occupied') return false;",
    history: 'livekit-completed.2-live.json',
  },
  {
    phase: 'live',
    first: "await alarm.until(lookAtMs, rung, 'Until the next look at the class');",
    second: 'const seen = await look(room, plan);',
    history: 'livekit-completed.2-live.json',
  },
  {
    phase: 'reconcile',
    first:
      "await alarm.until(nextMs, () => bells.plan || bells.evidence, 'Until evidence is asked for again');",
    second: 'const end = await reconcileOnce(room, plan);\n      if (end) return end;',
    history: 'incomplete.3-reconcile.json',
  },
];

test.each(REORDERINGS)(
  'a reordering planted in $phase fails the replay of $history',
  async ({ phase, first, second, history }) => {
    const copy = await mkdtemp(join(tmpdir(), 'rollcall-reordered-'));
    onTestFinished(() => rm(copy, { recursive: true, force: true }));
    for (const folder of ['workflows', 'src', 'activities']) {
      await cp(join(ROOT, folder), join(copy, folder), { recursive: true });
    }
    await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
    const file = join(copy, `workflows/phases/${phase}.ts`);
    const parts = (await readFile(file, 'utf8')).split(first);
    expect(parts).toHaveLength(2);
    const [before = '', after = ''] = parts;
    const reordered = before + second + after.replace(second, () => first);
    expect(after).toContain(second);
    await writeFile(file, reordered);
    const failures = await replay(await bundle(copy), [history]);
    expect(failures.get(history)?.message).toMatch(/[Nn]ondeterminism|[Dd]eterminism/);
  },
);

/**
 * Lives through every phase and ending on a real Temporal server, with a real LiveKit, and writes the histories beside this
 * file, where the replay test reads them: `npm run histories`, or `npm run histories -- STORY …` for some of them. Record
 * again only when a change of the workflows is meant to break with what runs already; otherwise the old histories are the
 * proof that it does not.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { createApi } from '../../src/cli/demo-api.ts';
import { showProgress } from '../../src/local/progress.ts';
import { startLocalRollcall } from '../../src/local/rollcall.ts';
import { createMeetSimulatorControl } from '../../src/simulators/meet/control-client.ts';
import { classWorkflowId } from '../../src/temporal/class-workflows.ts';
import { LIVEKIT_STORIES } from './livekit-stories.ts';
import { type Stage, TENANT } from './stage.ts';
import { STORIES } from './stories.ts';
import { WEBHOOK_STORIES } from './webhook-stories.ts';

const TIMES = {
  ROLLCALL_OPEN_LEAD_SECONDS: '1',
  ROLLCALL_POLL_SECONDS: '2',
  ROLLCALL_VERIFY_SECONDS: '2',
  ROLLCALL_GRACE_SECONDS: '3',
  ROLLCALL_RETRY_SECONDS: '2',
  ROLLCALL_RETRY_FOR_SECONDS: '9',
  ROLLCALL_WEBHOOKS_TO_PRIVATE_NETWORKS: 'true',
  GOOGLE_SERVICE_ACCOUNT_KEY: '',
  LOG_LEVEL: 'warn',
};

/** Each lives through its story and answers the id of the workflow. */
const ofClasses = Object.entries({ ...STORIES, ...LIVEKIT_STORIES }).map(
  ([story, live]) =>
    [
      story,
      async (stage: Stage) => classWorkflowId({ tenantId: TENANT, classId: await live(stage) }),
    ] as const,
);
const all = [...ofClasses, ...Object.entries(WEBHOOK_STORIES)];
const named = process.argv.slice(2);
const stories = all.filter(([story]) => named.length === 0 || named.includes(story));
if (stories.length < named.length)
  throw new Error(`expected some of ${all.map(([story]) => story).join(', ')}; given ${named.join(', ')}`);

const dataDir = await mkdtemp(join(tmpdir(), 'rollcall-histories-'));
const running = await startLocalRollcall({ dataDir, report: showProgress(), env: TIMES, livekit: true });
const connection = await Connection.connect({ address: running.temporalAddress });
try {
  const client = new Client({ connection });
  const stage: Stage = {
    api: await createApi(running),
    google: createMeetSimulatorControl(running.simulatorUrl ?? ''),
    livekit: {
      url: running.livekitUrl ?? '',
      apiKey: running.livekitApiKey ?? '',
      apiSecret: running.livekitApiSecret ?? '',
    },
    jwtSecret: running.jwtSecret ?? '',
    apiUrl: running.apiUrl,
  };
  await Promise.all(
    stories.map(async ([story, live]) => {
      const runs = await save(client, story, await live(stage));
      process.stdout.write(`${story}: ${runs} runs\n`);
    }),
  );
} finally {
  await connection.close();
  await running.stop();
  await rm(dataDir, { recursive: true, force: true });
}

/** Writes the history of every run: `completed.1-await-start.json`, `completed.2-live.json`, … */
async function save(client: Client, story: string, workflowId: string): Promise<number> {
  const latest = client.workflow.getHandle(workflowId);
  await latest.result();
  const started = (await latest.fetchHistory()).events?.[0]?.workflowExecutionStartedEventAttributes;
  let runId = started?.firstExecutionRunId ?? undefined;
  let runs = 0;
  while (runId) {
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    const first = history.events?.[0]?.workflowExecutionStartedEventAttributes;
    const input = Buffer.from(first?.input?.payloads?.[0]?.data ?? []).toString();
    const { phase = 'whole' } = JSON.parse(input) as { phase?: string };
    runs++;
    const file = join(import.meta.dirname, `${story}.${runs}-${phase}.json`);
    await writeFile(file, `${JSON.stringify(JSON.parse(historyToJSON(history), withoutPlaces))}\n`);
    runId =
      history.events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? undefined;
  }
  return runs;
}

/** Where the code lay on the machine that recorded it is nobody's business, and no part of a replay. */
function withoutPlaces(key: string, value: unknown): unknown {
  return key === 'stackTrace' ? '' : value;
}

/** What Temporal itself has on record about the workflow of a class. */
import { Client, Connection } from '@temporalio/client';
import { classWorkflowId } from '../src/temporal/class-workflows.ts';
import type { Lesson } from './lesson.ts';
import { TENANT, type TestRollcall } from './test-rollcall.ts';

interface Activity {
  name: string;
  /** How often it was begun. */
  attempts: number;
  completed: number;
}

export interface Run {
  firstRunId: string;
  events: number;
  bells: number;
  activities: Activity[];
  /** Bytes of the largest result of an activity. */
  largestResult: number;
}

const workflowIdOf = ({ id }: Pick<Lesson, 'id'>) => classWorkflowId({ tenantId: TENANT, classId: id });

async function withClient<T>(
  { temporalAddress, namespace }: TestRollcall,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const connection = await Connection.connect({ address: temporalAddress });
  try {
    return await work(new Client({ connection, namespace }));
  } finally {
    await connection.close();
  }
}

/** Every run of the workflow, the first one first, followed back from the latest. */
export const runsOf = (rollcall: TestRollcall, lesson: Pick<Lesson, 'id'>): Promise<Run[]> =>
  withClient(rollcall, async (client) => {
    const runs: Run[] = [];
    for (let runId: string | undefined; ; ) {
      const { events } = await client.workflow.getHandle(workflowIdOf(lesson), runId).fetchHistory();
      const history = events ?? [];
      const started = history[0]?.workflowExecutionStartedEventAttributes;
      runs.unshift({ ...readRun(history), firstRunId: started?.firstExecutionRunId ?? '' });
      if (!started?.continuedExecutionRunId) return runs;
      runId = started.continuedExecutionRunId;
    }
  });

type History = NonNullable<
  Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>['events']
>;

function readRun(history: History): Omit<Run, 'firstRunId'> {
  const activities = new Map<string, Activity>();
  let bells = 0;
  let largestResult = 0;
  for (const event of history) {
    const { activityTaskStartedEventAttributes: begun, activityTaskCompletedEventAttributes: done } = event;
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled) {
      const name = scheduled.activityType?.name ?? '';
      activities.set(String(event.eventId), { name, attempts: 0, completed: 0 });
    }
    const started = activities.get(String(begun?.scheduledEventId));
    if (started) started.attempts = begun?.attempt ?? 0;
    const completed = activities.get(String(done?.scheduledEventId));
    if (completed) completed.completed++;
    if (event.workflowExecutionSignaledEventAttributes) bells++;
    for (const { data } of done?.result?.payloads ?? [])
      largestResult = Math.max(largestResult, data?.length ?? 0);
  }
  return { events: history.length, bells, activities: [...activities.values()], largestResult };
}

/** Fetches and attempts: what asks Meet. */
export const pollsOf = ({ activities }: Run): Activity[] =>
  activities.filter(({ name }) => name === 'fetchParticipants' || name === 'reconcile');

/** The executions that did not follow from another, by all that Temporal lists under the id of the class. */
export const workflowsOf = (rollcall: TestRollcall, lesson: Lesson): Promise<number> =>
  withClient(rollcall, async (client) => {
    const first = new Set<string>();
    const query = `WorkflowId = "${workflowIdOf(lesson)}"`;
    for await (const { runId } of client.workflow.list({ query })) {
      const { events } = await client.workflow.getHandle(workflowIdOf(lesson), runId).fetchHistory();
      first.add(events?.[0]?.workflowExecutionStartedEventAttributes?.firstExecutionRunId ?? '');
    }
    return first.size;
  });

export const isStarted = (rollcall: TestRollcall, lesson: Lesson): Promise<boolean> =>
  withClient(rollcall, (client) =>
    client.workflow
      .getHandle(workflowIdOf(lesson))
      .describe()
      .then(
        () => true,
        () => false,
      ),
  );

/** Rings as the sweeper does when it cannot know whether the workflow was told. */
export const ring = (rollcall: TestRollcall, lesson: Lesson): Promise<void> =>
  withClient(rollcall, (client) => client.workflow.getHandle(workflowIdOf(lesson)).signal('planChanged'));

/** How the workflow of a settled class ended. */
export const endingOf = (rollcall: TestRollcall, lesson: Lesson): Promise<unknown> =>
  withClient(rollcall, (client) => client.workflow.getHandle(workflowIdOf(lesson)).result());

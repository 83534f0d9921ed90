import { Client, Connection } from '@temporalio/client';
import type { SessionStatus } from '../../workflows/messages.ts';
import type { LocalRollcall } from '../local/rollcall.ts';
import { classWorkflowId } from '../temporal/class-workflows.ts';
import type { Api, Attendance } from './demo-api.ts';

export interface Look {
  status: string;
  attendance: Attendance;
}

/** Reads the class from the API and its workflow from Temporal, and says a line whenever something has changed. */
export async function createWatcher(
  running: LocalRollcall,
  api: Api,
  classId: string,
  say: (text: string) => void,
) {
  const connection = await Connection.connect({ address: running.temporalAddress });
  const workflow = new Client({ connection }).workflow.getHandle(
    classWorkflowId({ tenantId: 'demo', classId }),
  );
  const sinceMs = Date.now();
  let before = '';
  return {
    async look(): Promise<Look> {
      const attendance = await api.get<Attendance>(`/api/classes/${classId}/attendance`);
      const session = await workflow.query<SessionStatus>('status').catch(() => null);
      const line = describe(attendance, session);
      const clock = `${String(Math.round((Date.now() - sinceMs) / 1_000)).padStart(3)} s  `;
      if (line !== before) say(clock + line);
      before = line;
      return { status: attendance.status, attendance };
    },
    close: () => connection.close(),
  };
}

function describe({ status, records, missing }: Attendance, session: SessionStatus | null): string {
  const isIn = records.filter(({ first_join: came, last_leave: gone }) => came !== null && gone === null);
  const names = isIn.map(({ email }) => email.slice(0, email.indexOf('@')));
  return [
    status.padEnd(11),
    session
      ? `${session.doing}; polls ${session.polls}, attempts ${session.attempts}`
      : 'workflow at an edge',
    `in: ${names.join(' ') || 'nobody'}`,
    ...(missing.length > 0 ? [`missing: ${missing.map(({ code }) => code).join(', ')}`] : []),
  ].join(' | ');
}

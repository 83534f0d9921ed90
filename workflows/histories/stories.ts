/** Every phase and ending of a class, as it is lived through for the recorded histories. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  cancel,
  dismissEverybody,
  LENGTH,
  nextStart,
  STUDENT,
  type Stage,
  type Story,
  schedule,
  soon,
  TEACHER,
  until,
} from './stage.ts';

/** A class whose teacher is on time, with the student or with somebody whom nobody knows. */
async function scheduleMeeting(stage: Stage, guest: boolean): Promise<string> {
  const space = await stage.google.addSpace({ owner: TEACHER });
  const start = nextStart();
  const end = start + LENGTH * 1_000;
  const sessions = [{ start, end }];
  const second = guest
    ? ({ kind: 'anonymous', display_name: 'Guest', sessions } as const)
    : ({ kind: 'signed_in', email: STUDENT, sessions } as const);
  await stage.google.addConference({
    space: space.name,
    end,
    participants: [{ kind: 'signed_in', email: TEACHER, sessions }, second],
  });
  return await schedule(stage, start, { meeting_code: space.meetingCode });
}

/** By the name of the story. */
export const STORIES: Record<string, Story> = {
  async completed(stage) {
    const id = await scheduleMeeting(stage, false);
    await until(stage, id, 'completed');
    return id;
  },
  async 'completed-after-a-decision'(stage) {
    const id = await scheduleMeeting(stage, true);
    await until(stage, id, 'reconciling');
    await dismissEverybody(stage, 'meet');
    await until(stage, id, 'completed');
    return id;
  },
  async incomplete(stage) {
    const id = await schedule(stage, soon(2));
    await until(stage, id, 'incomplete');
    return id;
  },
  async afterwards(stage) {
    const id = await schedule(stage, soon(-60));
    await until(stage, id, 'incomplete');
    return id;
  },
  async 'without-meet'(stage) {
    const id = await schedule(stage, soon(2), { provider: 'whiteboard' });
    await until(stage, id, 'incomplete');
    return id;
  },
  async moved(stage) {
    const id = await schedule(stage, soon(3_600));
    await stage.api.send('PATCH', `/api/classes/${id}`, {
      start_time: new Date(Date.now() + 3_000).toISOString(),
    });
    await until(stage, id, 'incomplete');
    return id;
  },
  async 'cancelled-asleep'(stage) {
    const id = await schedule(stage, soon(3_600));
    await sleep(1_000);
    await cancel(stage, id);
    return id;
  },
  async 'cancelled-live'(stage) {
    const id = await schedule(stage, soon(1));
    await until(stage, id, 'active');
    await cancel(stage, id);
    return id;
  },
  async 'cancelled-in-grace'(stage) {
    const id = await schedule(stage, soon(1));
    await until(stage, id, 'ended');
    await cancel(stage, id);
    return id;
  },
  async 'cancelled-reconciling'(stage) {
    const id = await schedule(stage, soon(1));
    await until(stage, id, 'reconciling');
    await cancel(stage, id);
    return id;
  },
};

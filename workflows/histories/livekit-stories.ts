/** A LiveKit class in every phase and ending, with real participants. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AccessToken, RoomServiceClient } from 'livekit-server-sdk';
import { signToken } from '../../src/cli/token.ts';
import { joinRooms, type Participants } from '../../src/simulators/livekit/participants.ts';
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
  TENANT,
  until,
} from './stage.ts';

interface Lesson {
  id: string;
  endMs: number;
}

async function scheduleLesson(stage: Stage, more: Record<string, unknown> = {}): Promise<Lesson> {
  const startMs = nextStart();
  const id = await schedule(stage, startMs, { provider: 'livekit', ...more });
  await sleep(startMs - 500 - Date.now());
  return { id, endMs: startMs + LENGTH * 1_000 };
}

/** The token that the API gives to somebody on the roster. */
async function tokenFor({ apiUrl, jwtSecret }: Stage, id: string, sub: string): Promise<string> {
  const role = sub === TEACHER ? 'teacher' : 'student';
  const caller = await signToken(jwtSecret, { tenant: TENANT, role, sub });
  const answer = await fetch(`${apiUrl}/api/classes/${id}/join`, {
    method: 'POST',
    headers: { authorization: `Bearer ${caller}` },
  });
  const { token } = (await answer.json()) as { token?: string };
  if (token === undefined) throw new Error(`joining class ${id} answered ${answer.status}`);
  return token;
}

async function roomOf({ api }: Stage, id: string): Promise<string> {
  return (await api.get<{ room_name: string }>(`/api/classes/${id}`)).room_name;
}

/** Somebody whom the school does not know. */
async function guestToken(stage: Stage, id: string): Promise<string> {
  const { apiKey, apiSecret } = stage.livekit;
  const token = new AccessToken(apiKey, apiSecret, { identity: `guest-${id}` });
  token.addGrant({ roomJoin: true, room: await roomOf(stage, id) });
  return await token.toJwt();
}

/** The teacher, with the student or with a guest. */
async function enter(stage: Stage, { id }: Lesson, guest = false): Promise<Participants> {
  const second = guest ? await guestToken(stage, id) : await tokenFor(stage, id, STUDENT);
  return await joinRooms({
    url: stage.livekit.url,
    tokens: [await tokenFor(stage, id, TEACHER), second],
  });
}

/** By the name of the story. */
export const LIVEKIT_STORIES: Record<string, Story> = {
  async 'livekit-completed'(stage) {
    const lesson = await scheduleLesson(stage);
    const people = await enter(stage, lesson);
    await sleep(lesson.endMs + 500 - Date.now());
    await people.leave();
    await until(stage, lesson.id, 'completed');
    return lesson.id;
  },
  /** Everybody leaves early, and the room is made again by whoever comes back. */
  async 'livekit-room-lost'(stage) {
    const lesson = await scheduleLesson(stage);
    await until(stage, lesson.id, 'active');
    await closeRoom(stage, lesson);
    await sleep(3_000);
    const people = await enter(stage, lesson);
    await sleep(lesson.endMs - 500 - Date.now());
    await people.leave();
    await until(stage, lesson.id, 'completed', 'incomplete');
    return lesson.id;
  },
  /** The overrun is cut short: after the scheduled end the room closes. */
  async 'livekit-closed-early'(stage) {
    const lesson = await scheduleLesson(stage, { policy: 'musa' });
    const people = await enter(stage, lesson);
    await sleep(lesson.endMs + 1_000 - Date.now());
    await closeRoom(stage, lesson);
    await people.leave();
    await until(stage, lesson.id, 'completed');
    return lesson.id;
  },
  async 'livekit-completed-after-a-decision'(stage) {
    const lesson = await scheduleLesson(stage);
    const people = await enter(stage, lesson, true);
    await sleep(lesson.endMs + 200 - Date.now());
    await people.leave();
    await until(stage, lesson.id, 'reconciling');
    await dismissEverybody(stage, 'livekit');
    await until(stage, lesson.id, 'completed');
    return lesson.id;
  },
  async 'livekit-afterwards'(stage) {
    const id = await schedule(stage, soon(-60), { provider: 'livekit' });
    await until(stage, id, 'incomplete');
    return id;
  },
  async 'livekit-cancelled-asleep'(stage) {
    const id = await schedule(stage, soon(3_600), { provider: 'livekit' });
    await sleep(1_000);
    await cancel(stage, id);
    return id;
  },
  async 'livekit-cancelled-live'(stage) {
    const lesson = await scheduleLesson(stage);
    const people = await enter(stage, lesson);
    await until(stage, lesson.id, 'active');
    await sleep(1_000);
    await cancel(stage, lesson.id);
    await people.leave();
    return lesson.id;
  },
  async 'livekit-cancelled-in-grace'(stage) {
    const lesson = await scheduleLesson(stage);
    await until(stage, lesson.id, 'ended');
    await cancel(stage, lesson.id);
    return lesson.id;
  },
};

async function closeRoom(stage: Stage, { id }: Lesson): Promise<void> {
  const { url, apiKey, apiSecret } = stage.livekit;
  await new RoomServiceClient(url, apiKey, apiSecret).deleteRoom(await roomOf(stage, id));
}

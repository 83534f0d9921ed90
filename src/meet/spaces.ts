import type { meet_v2 } from 'googleapis/build/src/apis/meet/index.js';
import type { MeetSpace } from './answer.ts';
import type { GoogleCaller } from './google-caller.ts';
import type { MeetApi } from './google-clients.ts';
import { requiredField } from './resource-fields.ts';
import { MEET_SCOPES } from './scopes.ts';

/** Makes a new space whose organizer is `subject`. Google allows a hundred a minute. Not idempotent: each call makes one. */
export async function createSpace(call: GoogleCaller, api: MeetApi, subject: string): Promise<MeetSpace> {
  const space = await call({ subject, scopes: MEET_SCOPES, doing: 'create a meeting space' }, (auth) =>
    api.spaces.create({ auth, requestBody: {} }),
  );
  return spaceOf(space);
}

/** @param code `abc-mnop-xyz` or `spaces/…`. @throws MeetFault `not_found` */
export async function getSpace(
  call: GoogleCaller,
  api: MeetApi,
  subject: string,
  code: string,
): Promise<MeetSpace> {
  const name = code.startsWith('spaces/') ? code : `spaces/${code}`;
  const space = await call({ subject, scopes: MEET_SCOPES, doing: `read ${name}` }, (auth) =>
    api.spaces.get({ auth, name }),
  );
  return spaceOf(space);
}

/** Sends everybody home who is in the space now. Nobody there is no fault. @throws MeetFault */
export async function endConference(
  call: GoogleCaller,
  api: MeetApi,
  subject: string,
  spaceName: string,
): Promise<void> {
  await call({ subject, scopes: MEET_SCOPES, doing: `end the conference in ${spaceName}` }, (auth) =>
    api.spaces.endActiveConference({ auth, name: spaceName, requestBody: {} }),
  );
}

const spaceOf = (space: meet_v2.Schema$Space): MeetSpace => ({
  spaceName: requiredField(space, 'name'),
  meetingCode: requiredField(space, 'meetingCode'),
  meetingUri: requiredField(space, 'meetingUri'),
});

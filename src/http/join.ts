import { z } from 'zod';
import { phaseOf, windowOf } from '../db/class-phase.ts';
import { type ClassView, viewClass } from '../db/classes.ts';
import type { Tx } from '../db/client.ts';
import { joinIdentity } from '../livekit/identity-form.ts';
import { createJoinToken } from '../livekit/join-token.ts';
import type { LiveKitSettings } from '../livekit/keys.ts';
import { IN_CLASS } from './authentication.ts';
import { iso, provider, shownInstant } from './fields.ts';
import { notFound, Problem } from './problem.ts';
import { issue } from './route.ts';

const DEVICE = 'must be 1 to 40 letters, digits, - and _';

const body = z
  .strictObject({
    device: z
      .string({ error: DEVICE })
      .regex(/^[A-Za-z0-9_-]{1,40}$/, DEVICE)
      .meta({
        description:
          'Tells two devices of one person apart; a second one of the same name throws out the first',
      })
      .optional(),
  })
  .optional()
  .meta({ id: 'JoinClass' });

const joinSchema = z
  .object({
    provider,
    session_id: z.string(),
    url: z.string().meta({ description: 'The LiveKit server' }).optional(),
    token: z.string().meta({ description: 'For this person, device and room alone' }).optional(),
    room_name: z.string().optional(),
    identity: z.string().meta({ description: 'Who one is in the room' }).optional(),
    expires_at: shownInstant.meta({ description: 'The token lets in until the class is over' }).optional(),
    meeting_uri: z.string().meta({ description: 'The Meet link' }).optional(),
  })
  .meta({ id: 'JoinedClass' });

type Joined = z.output<typeof joinSchema>;
type Participant = ClassView['roster'][number];

export const joinRoute = issue({
  path: '/api/classes/{class_id}/join',
  operationId: 'joinClass',
  tag: 'classes',
  summary: 'What one needs to join a class: LiveKit URL and token, or the Meet link',
  description:
    'For those on its roster, until the class is over. Harmless to repeat: each call gives a token of its own, which is stored nowhere, also with an Idempotency-Key.',
  roles: IN_CLASS,
  body,
  answers: { 200: { description: 'Where the class meets, and how to get in', schema: joinSchema } },
  async handle(tx, { caller, ref, deps, body: given }): Promise<Joined> {
    const view = await viewClass(tx, ref);
    // By the roster, not by the token's role: who teaches one class may be a student in another.
    const person = view.roster.find(({ personId, email }) => caller.sub === personId || caller.sub === email);
    if (person === undefined) throw notFound('class');
    await mustNotBeOver(tx, view, deps.now());
    const session = { provider: view.row.provider, session_id: view.row.id };
    switch (view.row.provider) {
      case 'livekit':
        return { ...session, ...(await roomOf(tx, view, person, given?.device ?? 'web', deps.livekit)) };
      case 'meet':
        return { ...session, meeting_uri: linkOf(view) };
      case 'whiteboard':
        return session;
      default:
        return view.row.provider satisfies never;
    }
  },
});

async function mustNotBeOver(tx: Tx, view: ClassView, nowMs: number): Promise<void> {
  const phase = await phaseOf(tx, view, nowMs);
  switch (phase) {
    case 'ahead':
    case 'active':
      return;
    case 'cancelled':
      throw new Problem('conflict', 'the class is cancelled');
    case 'over':
    case 'settled':
      throw new Problem('conflict', 'the class is over');
    default:
      phase satisfies never;
  }
}

async function roomOf(
  tx: Tx,
  view: ClassView,
  { personId, name, role }: Participant,
  device: string,
  settings: LiveKitSettings | null,
): Promise<Partial<Joined>> {
  const { roomName } = view.session;
  if (settings === null) {
    throw new Problem(
      'conflict',
      'the class meets on LiveKit, which is not set up on this server: set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET',
    );
  }
  const { tenantId: own } = settings.key;
  if (own !== null && own !== view.row.tenantId) {
    throw new Problem('conflict', "the class meets on LiveKit, which is another school's own on this server");
  }
  if (roomName === null) throw new Problem('conflict', 'the class has no LiveKit room');
  const { endMs } = await windowOf(tx, view);
  return {
    url: settings.url,
    token: await createJoinToken({
      settings,
      room: roomName,
      personId,
      device,
      name,
      role,
      expiresMs: endMs,
    }),
    room_name: roomName,
    identity: joinIdentity(personId, device),
    expires_at: iso(new Date(endMs)),
  };
}

function linkOf({ row, session }: ClassView): string {
  if (session.meetingUri !== null) return session.meetingUri;
  // The code alone: the message may name people and is for the staff.
  const why = row.captureProblem === null ? '' : ` (${row.captureProblem.code})`;
  throw new Problem(
    'conflict',
    `the class has no Meet link yet${why}; it is made soon after the class is scheduled, so try again in a minute`,
  );
}

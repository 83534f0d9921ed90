import { ParticipantInfo_Kind } from '@livekit/protocol';
import type { ParticipantKind } from './answer.ts';

/** Of a participant, as the server's interface lists it and as a delivery tells of it. */
interface Kinded {
  /** A number that LiveKit does not have: a kind that is not known yet. */
  kind: ParticipantInfo_Kind;
  permission?: { recorder?: boolean | null | undefined } | null | undefined;
}

/**
 * Who is a machine is told by its kind, a recorder by its permission. A kind that is not known yet may be a human, who
 * is then asked about in the review queue.
 */
export function participantKind({ kind, permission }: Kinded): ParticipantKind {
  if (permission?.recorder) return 'machine';
  switch (kind) {
    case ParticipantInfo_Kind.STANDARD:
      return 'signed_in';
    case ParticipantInfo_Kind.SIP:
    case ParticipantInfo_Kind.CONNECTOR:
      return 'phone';
    case ParticipantInfo_Kind.INGRESS:
    case ParticipantInfo_Kind.EGRESS:
    case ParticipantInfo_Kind.AGENT:
      return 'machine';
    default:
      return 'other';
  }
}

/**
 * Under its kind, unless it signed in: a dial-in is called `sip_{number}` and a machine whatever it likes, also as a
 * person is, and neither may ever be taken for one.
 */
export const identityOf = (participant: Kinded & { identity: string }): string => {
  const kind = participantKind(participant);
  return kind === 'signed_in' ? participant.identity : `${kind}:${participant.identity}`;
};

import { ParticipantInfo, ParticipantInfo_Kind } from '@livekit/protocol';
import { expect, test } from 'vitest';
import { participantKind } from './participant-kind.ts';

const KINDS = {
  STANDARD: 'signed_in',
  SIP: 'phone',
  CONNECTOR: 'phone',
  INGRESS: 'machine',
  EGRESS: 'machine',
  AGENT: 'machine',
  BRIDGE: 'other',
} as const;

const all = Object.values(ParticipantInfo_Kind).filter((name) => typeof name === 'string');

test('every kind that LiveKit has is decided upon', () => {
  expect(Object.keys(KINDS).sort()).toEqual([...all].sort());
});

test.each(Object.entries(KINDS))('%s is %s', (name, kind) => {
  const given = new ParticipantInfo({ kind: ParticipantInfo_Kind[name as keyof typeof KINDS] });
  expect(participantKind(given)).toBe(kind);
});

test('a kind that is not known yet may be a human', () => {
  expect(participantKind(new ParticipantInfo({ kind: 99 as ParticipantInfo_Kind }))).toBe('other');
});

test.each(Object.keys(KINDS))('a recorder is a machine, also as %s', (name) => {
  const kind = ParticipantInfo_Kind[name as keyof typeof KINDS];
  expect(participantKind(new ParticipantInfo({ kind, permission: { recorder: true } }))).toBe('machine');
  expect(participantKind(new ParticipantInfo({ kind, permission: { canPublish: true } }))).toBe(
    KINDS[name as keyof typeof KINDS],
  );
});

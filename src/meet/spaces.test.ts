import { describe, expect, it } from 'vitest';
import { faultOf, TEACHER, useSimulatedGoogle } from './simulated-google.ts';

const google = useSimulatedGoogle();

describe('a meeting space', () => {
  it('is made for its organizer with name, code and link', async () => {
    const space = await google().adapter.createSpace({ subject: TEACHER });
    expect(space.spaceName).toMatch(/^spaces\/\w+$/);
    expect(space.meetingCode).toMatch(/^[a-z]{3}-[a-z]{4}-[a-z]{3}$/);
    expect(space.meetingUri).toBe(`https://meet.google.com/${space.meetingCode}`);
  });

  it('is found by its code and by its name', async () => {
    const { adapter, space } = google();
    expect(await adapter.getSpace({ subject: TEACHER, code: space.meetingCode })).toEqual(space);
    expect(await adapter.getSpace({ subject: TEACHER, code: space.spaceName })).toEqual(space);
  });

  it('that does not exist is not found, and the message names it', async () => {
    const fault = await faultOf(google().adapter.getSpace({ subject: TEACHER, code: 'aaa-bbbb-ccc' }));
    expect([fault.code, fault.kind]).toEqual(['not_found', 'never']);
    expect(fault.message).toContain('spaces/aaa-bbbb-ccc');
  });

  it('cannot be made for somebody whom the domain does not know', async () => {
    const fault = await faultOf(google().adapter.createSpace({ subject: 'nobody@elsewhere.example' }));
    expect([fault.code, fault.kind]).toEqual(['cannot_impersonate', 'never']);
    expect(fault.message).toContain('cannot impersonate nobody@elsewhere.example');
  });
});

/** What calls about a class's people and hours take, and how the pieces must fit together. */
import { z } from 'zod';
import { email, instant } from './fields.ts';

/** A lesson, not a conference. */
export const studentEmails = z
  .array(email)
  .min(1, 'must name at least one student')
  .max(500, 'must name at most 500 students')
  .superRefine((emails, context) => {
    emails.forEach((one, index) => {
      if (emails.indexOf(one) === index) return;
      context.addIssue({ code: 'custom', path: [index], message: 'is there twice; name every student once' });
    });
  });

export const meetingCode = z
  .string()
  .regex(/^[a-z]{3}-[a-z]{4}-[a-z]{3}$/, 'must be the code of a Meet link, such as abc-mnop-xyz');

export const ACCEPTED_POLICIES =
  'accepted are itqan, astegni, musa and the policies of GET /api/policies that hold on that day';

const LONGEST_SECONDS = 86_400;

/** The three ways to say when a class ends. */
export const endings = {
  duration_minutes: z
    .int('must be a whole number of minutes from 1 to 1440')
    .min(1, 'must be a whole number of minutes from 1 to 1440')
    .max(LONGEST_SECONDS / 60, 'must be a whole number of minutes from 1 to 1440'),
  duration_seconds: z
    .int('must be a whole number of seconds from 1 to 86400')
    .min(1, 'must be a whole number of seconds from 1 to 86400')
    .max(LONGEST_SECONDS, 'must be a whole number of seconds from 1 to 86400'),
  end_time: instant,
};

type Ending = keyof typeof endings;
export type Endings = { [K in Ending]?: z.output<(typeof endings)[K]> | undefined };

export const givenEndings = (body: Endings): Ending[] =>
  (Object.keys(endings) as Ending[]).filter((name) => body[name] !== undefined);

export function durationMs({
  duration_minutes: minutes,
  duration_seconds: seconds,
}: Endings): number | undefined {
  if (minutes !== undefined) return minutes * 60_000;
  return seconds === undefined ? undefined : seconds * 1_000;
}

/** Adds what is wrong between start and end to a schema's issues. */
export function checkEndings(
  body: Endings & { start_time?: string | undefined },
  context: z.core.$RefinementCtx,
  atLeast: 0 | 1,
): void {
  const given = givenEndings(body);
  const issue = (field: string, message: string) =>
    context.addIssue({ code: 'custom', path: [field], message });
  if (given.length > 1 || given.length < atLeast) {
    issue(
      given[1] ?? 'duration_minutes',
      `give ${atLeast === 1 ? 'exactly' : 'at most'} one of duration_minutes, duration_seconds and end_time`,
    );
  }
  if (body.start_time === undefined || body.end_time === undefined) return;
  const lengthMs = Date.parse(body.end_time) - Date.parse(body.start_time);
  if (lengthMs <= 0) issue('end_time', 'must be after start_time');
  if (lengthMs > LONGEST_SECONDS * 1_000) issue('end_time', 'must be at most 24 hours after start_time');
}

export function checkTeacher(
  body: { teacher_email?: string | undefined; student_emails?: string[] | undefined },
  context: z.core.$RefinementCtx,
): void {
  const index = body.student_emails?.indexOf(body.teacher_email ?? '') ?? -1;
  if (index === -1) return;
  context.addIssue({
    code: 'custom',
    path: ['student_emails', index],
    message: 'is the teacher; the teacher of a class must not be one of its students',
  });
}

/** Fields that several calls take, each with the words that tell a client what is accepted. */
import { IANAZone } from 'luxon';
import { z } from 'zod';

const FIRST_YEAR_MS = Date.UTC(2000, 0, 1);
const LAST_YEAR_MS = Date.UTC(2100, 0, 1);

export const instant = z.iso
  .datetime({
    offset: true,
    error: 'must be an ISO 8601 instant with Z or an offset, such as 2026-09-01T09:00:00Z',
  })
  .max(40)
  .refine((text) => Date.parse(text) >= FIRST_YEAR_MS && Date.parse(text) < LAST_YEAR_MS, {
    error: 'must lie between the years 2000 and 2100',
  });

export const calendarDate = z.iso
  .date({ error: 'must be a day of the calendar as YYYY-MM-DD' })
  .refine((day) => Date.parse(day) >= FIRST_YEAR_MS && Date.parse(day) < LAST_YEAR_MS, {
    error: 'must lie between the years 2000 and 2100',
  });

export const email = z
  .email({ error: 'must be an e-mail address' })
  .max(254, 'must be an e-mail address of at most 254 characters')
  .toLowerCase();

/** Text that people read: not empty, without control characters. */
export const line = (max: number) =>
  z
    .string()
    .trim()
    .min(1, `must be text of 1 to ${max} characters`)
    .max(max, `must be text of 1 to ${max} characters`)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
    .regex(/^[^\u0000-\u001f\u007f]*$/, 'must not contain control characters');

/** Names that machines use: of sources, session types, policies. */
export const slug = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9_-]{0,62}$/,
    'must be 1 to 63 of a-z, 0-9, - and _, beginning with a letter or digit',
  );

export const seconds = (min: number, max: number) =>
  z
    .int(`must be a whole number of seconds from ${min} to ${max}`)
    .min(min, `must be a whole number of seconds from ${min} to ${max}`)
    .max(max, `must be a whole number of seconds from ${min} to ${max}`);

export const timings = {
  open_lead_seconds: seconds(0, 86_400),
  poll_seconds: seconds(1, 3_600),
  verify_seconds: seconds(1, 3_600),
  grace_seconds: seconds(0, 86_400),
};

export const timeZone = z
  .string()
  .max(64)
  .refine((name) => /^[A-Za-z]/.test(name) && IANAZone.isValidZone(name), {
    error: 'must be an IANA time zone such as Africa/Addis_Ababa',
  });

export const provider = z.enum(['meet', 'livekit', 'whiteboard']);

export const uuid = z.uuid({ error: 'must be an id as this API gives them' }).toLowerCase();

/** A number in a query, as plain digits. A name that is given twice comes as a list, and is refused like a word. */
export const wholeNumber = (min: number, max: number) => {
  const error = `must be a whole number from ${min} to ${max}, once`;
  return z
    .string({ error })
    .regex(/^\d{1,10}$/, { error, abort: true })
    .transform(Number)
    .refine((value) => value >= min && value <= max, { error })
    .meta({
      override: ({ jsonSchema }) => {
        delete jsonSchema.pattern;
        Object.assign(jsonSchema, { type: 'integer', minimum: min, maximum: max });
      },
    });
};

export const page = {
  // Told again: what is read from text loses its default on the way into the document.
  limit: wholeNumber(1, 200)
    .default(50)
    .meta({ override: { default: 50 } }),
  cursor: z.string({ error: 'must be the next_cursor of an earlier answer, once' }).max(500).optional(),
};

/** Answers: instants as they are always written. */
export const shownInstant = z.string().meta({ format: 'date-time', example: '2026-09-01T09:00:00.000Z' });

export const iso = (date: Date): string => date.toISOString();
export const isoOrNull = (date: Date | null): string | null => date?.toISOString() ?? null;
export const isoMs = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

import { z } from 'zod';
import type { Tx } from '../db/client.ts';
import { readGuardians, replaceGuardians } from '../db/guardians.ts';
import { findPeopleById, type Person } from '../db/people.ts';
import { email } from './fields.ts';
import { invalid, notFound } from './problem.ts';
import { change, read } from './route.ts';

const body = z
  .strictObject({
    guardian_emails: z
      .array(email, { error: 'must be a list of e-mail addresses' })
      .max(20, 'must name at most 20 guardians')
      .superRefine((emails, context) => {
        emails.forEach((one, index) => {
          if (emails.indexOf(one) === index) return;
          context.addIssue({
            code: 'custom',
            path: [index],
            message: 'is there twice; name every guardian once',
          });
        });
      })
      .meta({ description: 'All of them, at most 20; an empty list leaves the person without a guardian' }),
  })
  .meta({ id: 'ReplaceGuardians' });

const guardiansSchema = z
  .object({
    person_id: z.string(),
    guardians: z
      .array(z.object({ person_id: z.string(), email: z.string(), name: z.string() }))
      .meta({ description: 'By e-mail' }),
  })
  .meta({ id: 'Guardians' });

const answers = { 200: { description: 'The guardians of the person', schema: guardiansSchema } };
const path = '/api/people/{person_id}/guardians';

export const guardianRoutes = [
  read({
    path,
    operationId: 'readGuardians',
    tag: 'people',
    summary: 'Who may see the record of this person as their guardian',
    roles: ['admin', 'service'],
    answers,
    async handle(tx, { tenantId, id }) {
      await knownPerson(tx, tenantId, id);
      return await guardiansOf(tx, tenantId, id);
    },
  }),
  change({
    method: 'put',
    path,
    operationId: 'replaceGuardians',
    tag: 'people',
    summary: 'Say who the guardians of this person are',
    description:
      'Replaces the list: who is not on it any more sees nothing from now on. People not yet known by their e-mail are created.',
    roles: ['admin', 'service'],
    body,
    answers,
    async handle(tx, { tenantId, id, body: { guardian_emails: emails } }) {
      const { email: own } = await knownPerson(tx, tenantId, id);
      const self = emails.indexOf(own);
      if (self !== -1) {
        const message = 'is the person in question; a guardian must be somebody else';
        throw invalid({ field: `guardian_emails[${self}]`, message });
      }
      await replaceGuardians(tx, tenantId, id, emails);
      return { status: 200, body: await guardiansOf(tx, tenantId, id) };
    },
  }),
];

async function knownPerson(tx: Tx, tenantId: string, id: string): Promise<Person> {
  const person = (await findPeopleById(tx, tenantId, [id])).get(id);
  if (person === undefined) throw notFound('person');
  return person;
}

async function guardiansOf(tx: Tx, tenantId: string, id: string): Promise<z.output<typeof guardiansSchema>> {
  const guardians = await readGuardians(tx, tenantId, id);
  return {
    person_id: id,
    guardians: guardians.map(({ id: personId, email: address, name }) => ({
      person_id: personId,
      email: address,
      name,
    })),
  };
}

/** How a tenant writes who somebody is into a LiveKit identity. */
import { isUuid } from '../uuid.ts';

export type IdentityForm = 'rollcall' | 'itqan';

export interface ReadIdentity {
  /** The same for every device of one person, and after a change of name. */
  identity: string;
  /** Whom it says it is, where it is one of ours; whether there is such a person is another question. */
  personId: string | null;
}

/**
 * Reads `{person_id}:{device}`, which our join tokens carry, and where the tenant asks for it Itqan's
 * `{userId}_{first}_{last}`. Anything else stands for itself, as does whatever did not sign in (`phone:sip_1`).
 */
export function readIdentity(form: IdentityForm, raw: string): ReadIdentity {
  const own = raw.slice(0, PERSON_ID_LENGTH);
  if (isUuid(own) && (raw.length === PERSON_ID_LENGTH || raw[PERSON_ID_LENGTH] === ':')) {
    return { identity: own.toLowerCase(), personId: own.toLowerCase() };
  }
  const userId = form === 'itqan' ? /^([^_:]+)_/.exec(raw)?.[1] : undefined;
  if (userId === undefined) return { identity: raw, personId: null };
  return isUuid(userId)
    ? { identity: userId.toLowerCase(), personId: userId.toLowerCase() }
    : { identity: userId, personId: null };
}

/** A second device of one person must not throw out the first, as an identity that is the same would. */
export const joinIdentity = (personId: string, device: string): string => `${personId}:${device}`;

const PERSON_ID_LENGTH = 36;

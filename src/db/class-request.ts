/** What a class was asked for, kept so that the same `external_id` must ask for the same. */

/** Under the names of the API. */
export interface AskedFor {
  fields: Record<string, unknown>;
  /** The fields that the request left to the defaults; they may change without making it another request. */
  defaulted: string[];
}

export interface Difference {
  field: string;
  existing: unknown;
  requested: unknown;
}

export function differencesOf(existing: AskedFor, requested: AskedFor): Difference[] {
  const left = (asked: AskedFor, field: string) => asked.defaulted.includes(field);
  return Object.keys({ ...existing.fields, ...requested.fields })
    .sort()
    .map((field) => ({
      field,
      existing: existing.fields[field] ?? null,
      requested: requested.fields[field] ?? null,
    }))
    .filter((one) => JSON.stringify(one.existing) !== JSON.stringify(one.requested))
    .filter(({ field }) => !(left(existing, field) && left(requested, field)));
}

/**
 * The request that would make the class as it is after a change: whoever sends the present state asks for what is
 * there. What was changed is no longer left to the defaults.
 */
export function followChange(asked: AskedFor, changed: Record<string, unknown>): AskedFor {
  return {
    fields: { ...asked.fields, ...changed },
    defaulted: asked.defaulted.filter((field) => !Object.hasOwn(changed, field)),
  };
}

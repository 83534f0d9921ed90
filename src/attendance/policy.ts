/** The three sets of rules that came from the earlier systems (product §5, Status). */
export type Preset = 'itqan' | 'astegni' | 'musa';

/**
 * A version of a policy with every value decided, as the rules use it. Percentages are of the scheduled length.
 *
 * | field | itqan | astegni | musa |
 * |---|---|---|---|
 * | `absentBelowPercent` | presence below it: absent | activity below it: absent | – |
 * | `partialUpToPercent` | presence up to it: partial | activity below it and too late: absent; from it on medium confidence | – |
 * | `presentAbovePercent` | presence above it: present although late | activity above it: high confidence | – |
 * | `absentWhenLaterThanMs` | none unless a tenant sets it: later than this, what would be partial is absent | later than this with activity below `partialUpToPercent`: absent | – |
 *
 * Under `musa` any presence is present; the four hold there without effect.
 */
export interface Policy {
  name: string;
  preset: Preset;
  /** 0 for a preset as it ships, else the tenant's number for this version. */
  version: number;
  lateAfterMs: number;
  absentBelowPercent: number;
  partialUpToPercent: number;
  presentAbovePercent: number;
  /** Null: being late alone never makes anybody absent. */
  absentWhenLaterThanMs: number | null;
  overrunMs: number;
  bridgeMs: number;
  minPresenceMs: number;
  emptySettlesAfterMs: number;
}

/** What a tenant stores: one version of a policy. What it leaves out is the preset's; fractions are allowed. */
export interface PolicyDefinition {
  name: string;
  preset: Preset;
  /** First day on which it holds, `YYYY-MM-DD` in the tenant's zone. */
  effective_from: string;
  late_after_minutes?: number | undefined;
  absent_below_percent?: number | undefined;
  partial_up_to_percent?: number | undefined;
  present_above_percent?: number | undefined;
  absent_when_later_than_minutes?: number | undefined;
  overrun_minutes?: number | undefined;
  bridge_seconds?: number | undefined;
  min_presence_seconds?: number | undefined;
  empty_settles_after_hours?: number | undefined;
}

export interface PolicyVersion {
  version: number;
  definition: PolicyDefinition;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

const COMMON = {
  version: 0,
  bridgeMs: 60 * SECOND_MS,
  minPresenceMs: 10 * SECOND_MS,
  // Retries stop after 168 h; eight hours are left for the last of them.
  emptySettlesAfterMs: 160 * HOUR_MS,
} as const;

/** The presets as they ship (product §5); they hold since ever. */
export const PRESETS: Readonly<Record<Preset, Readonly<Policy>>> = {
  itqan: {
    ...COMMON,
    name: 'itqan',
    preset: 'itqan',
    lateAfterMs: 15 * MINUTE_MS,
    absentBelowPercent: 10,
    partialUpToPercent: 50,
    presentAbovePercent: 75,
    absentWhenLaterThanMs: null,
    overrunMs: 0,
  },
  astegni: {
    ...COMMON,
    name: 'astegni',
    preset: 'astegni',
    lateAfterMs: 5 * MINUTE_MS,
    absentBelowPercent: 30,
    partialUpToPercent: 40,
    presentAbovePercent: 70,
    absentWhenLaterThanMs: 15 * MINUTE_MS,
    overrunMs: 0,
  },
  musa: {
    ...COMMON,
    name: 'musa',
    preset: 'musa',
    lateAfterMs: 15 * MINUTE_MS,
    absentBelowPercent: 0,
    partialUpToPercent: 0,
    presentAbovePercent: 0,
    absentWhenLaterThanMs: null,
    overrunMs: 30 * MINUTE_MS,
  },
};

/** Is this the name of a preset? */
export function isPreset(name: string): name is Preset {
  return Object.hasOwn(PRESETS, name);
}

/** A stored version with the preset's values where it says nothing. Fractions are rounded to whole milliseconds. */
export function policyFromDefinition({ version, definition }: PolicyVersion): Policy {
  const preset = PRESETS[definition.preset];
  const ms = (value: number | undefined, unitMs: number): number | undefined =>
    value === undefined ? undefined : Math.round(value * unitMs);
  return {
    name: definition.name,
    preset: definition.preset,
    version,
    lateAfterMs: ms(definition.late_after_minutes, MINUTE_MS) ?? preset.lateAfterMs,
    absentBelowPercent: definition.absent_below_percent ?? preset.absentBelowPercent,
    partialUpToPercent: definition.partial_up_to_percent ?? preset.partialUpToPercent,
    presentAbovePercent: definition.present_above_percent ?? preset.presentAbovePercent,
    absentWhenLaterThanMs:
      ms(definition.absent_when_later_than_minutes, MINUTE_MS) ?? preset.absentWhenLaterThanMs,
    overrunMs: ms(definition.overrun_minutes, MINUTE_MS) ?? preset.overrunMs,
    bridgeMs: ms(definition.bridge_seconds, SECOND_MS) ?? preset.bridgeMs,
    minPresenceMs: ms(definition.min_presence_seconds, SECOND_MS) ?? preset.minPresenceMs,
    emptySettlesAfterMs: ms(definition.empty_settles_after_hours, HOUR_MS) ?? preset.emptySettlesAfterMs,
  };
}

/**
 * The version of a policy in force on a day (product §5: the one in force at `S` in the tenant's zone).
 *
 * @param name of a preset or of a tenant's policy
 * @param localDate the class's start as `YYYY-MM-DD` in the tenant's zone
 * @param versions the tenant's versions, of any name and in any order
 * @returns the latest that holds by then (of one day, the highest version); before the first of them the preset of
 *   that name, which holds since ever; null when there is neither
 */
export function resolvePolicy(
  name: string,
  localDate: string,
  versions: readonly PolicyVersion[],
): Policy | null {
  let chosen: PolicyVersion | undefined;
  for (const candidate of versions) {
    // Dates of this form sort as text.
    if (candidate.definition.name !== name || candidate.definition.effective_from > localDate) continue;
    if (chosen === undefined || holdsAfter(candidate, chosen)) chosen = candidate;
  }
  if (chosen !== undefined) return policyFromDefinition(chosen);
  return isPreset(name) ? PRESETS[name] : null;
}

function holdsAfter(a: PolicyVersion, b: PolicyVersion): boolean {
  const [ofA, ofB] = [a.definition.effective_from, b.definition.effective_from];
  return ofA === ofB ? a.version > b.version : ofA > ofB;
}

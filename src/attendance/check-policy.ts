import { isPreset, type PolicyDefinition, PRESETS } from './policy.ts';

/** What is wrong with a field, and what would have been accepted. */
export interface PolicyProblem {
  field: string;
  message: string;
}

type NumberField = Exclude<keyof PolicyDefinition, 'name' | 'preset' | 'effective_from'>;

const DAY_MINUTES = 1_440;
const LIMITS: Readonly<Record<NumberField, number>> = {
  late_after_minutes: DAY_MINUTES,
  absent_below_percent: 100,
  partial_up_to_percent: 100,
  present_above_percent: 100,
  absent_when_later_than_minutes: DAY_MINUTES,
  overrun_minutes: DAY_MINUTES,
  bridge_seconds: 3_600,
  min_presence_seconds: 3_600,
  // Retries stop seven days after the end: what settles later would never settle.
  empty_settles_after_hours: 168,
};

/**
 * Is a policy that a tenant wants to store sound (product §5: "checked against each other")? What it leaves out counts
 * as the preset's.
 *
 * @returns one entry for each problem, none when it may be stored
 */
export function checkPolicyDefinition(definition: PolicyDefinition): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  if (definition.name.trim() === '' || definition.name.length > 100) {
    problems.push({ field: 'name', message: 'must be a name of 1 to 100 characters' });
  }
  if (isPreset(definition.name)) {
    const own = JSON.stringify(`${definition.name}-2`);
    problems.push({
      field: 'name',
      message: `is that of a preset, which holds since ever; give the policy another name, such as ${own}`,
    });
  }
  if (!isPreset(definition.preset)) {
    problems.push({
      field: 'preset',
      message: `is ${JSON.stringify(definition.preset)}, must be itqan, astegni or musa`,
    });
  }
  if (!isCalendarDate(definition.effective_from)) {
    problems.push({
      field: 'effective_from',
      message: `is ${JSON.stringify(definition.effective_from)}, must be a day of the calendar as YYYY-MM-DD`,
    });
  }
  for (const field of Object.keys(LIMITS) as NumberField[]) {
    const value = definition[field];
    const most = LIMITS[field];
    if (value !== undefined && !(value >= 0 && value <= most)) {
      problems.push({ field, message: `is ${value}, must be a number from 0 to ${most}` });
    }
  }
  return problems.length > 0 ? problems : checkOrder(definition);
}

/** Thresholds that would contradict each other, for example absent below 60 % but partial up to 50 %. */
function checkOrder(definition: PolicyDefinition): PolicyProblem[] {
  const preset = PRESETS[definition.preset];
  const problems: PolicyProblem[] = [];
  // Under musa the percentages have no effect and no defaults worth comparing with: only what is given must agree.
  const given = definition.preset === 'musa';
  const inOrder = (
    low: NumberField,
    lowDefault: number | null,
    high: NumberField,
    highDefault: number | null,
  ): void => {
    const least = definition[low] ?? (given ? null : lowDefault);
    const most = definition[high] ?? (given ? null : highDefault);
    if (least === null || most === null || least <= most) return;
    const [field, message] =
      definition[high] === undefined
        ? [low, `is ${least}, must be at most ${high}, which is ${most} unless given`]
        : [high, `is ${most}, must be at least ${low}, which is ${least}`];
    problems.push({ field, message });
  };
  const minutes = (ms: number | null): number | null => (ms === null ? null : ms / 60_000);
  inOrder(
    'absent_below_percent',
    preset.absentBelowPercent,
    'partial_up_to_percent',
    preset.partialUpToPercent,
  );
  inOrder(
    'partial_up_to_percent',
    preset.partialUpToPercent,
    'present_above_percent',
    preset.presentAbovePercent,
  );
  inOrder(
    'late_after_minutes',
    minutes(preset.lateAfterMs),
    'absent_when_later_than_minutes',
    minutes(preset.absentWhenLaterThanMs),
  );
  return problems;
}

function isCalendarDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const day = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text);
}

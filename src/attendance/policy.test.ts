import { describe, expect, test } from 'vitest';
import { checkPolicyDefinition } from './check-policy.ts';
import { type PolicyDefinition, PRESETS, policyFromDefinition, resolvePolicy } from './policy.ts';
import { HOUR, MIN, SEC } from './test-facts.ts';

const definition = (changes: Partial<PolicyDefinition> = {}): PolicyDefinition => ({
  name: 'evening',
  preset: 'itqan',
  effective_from: '2025-03-01',
  ...changes,
});

test('the presets are those of the product', () => {
  const common = { version: 0, bridgeMs: 60 * SEC, minPresenceMs: 10 * SEC, emptySettlesAfterMs: 160 * HOUR };
  expect(PRESETS.itqan).toEqual({
    ...common,
    name: 'itqan',
    preset: 'itqan',
    lateAfterMs: 15 * MIN,
    absentBelowPercent: 10,
    partialUpToPercent: 50,
    presentAbovePercent: 75,
    absentWhenLaterThanMs: null,
    overrunMs: 0,
  });
  expect(PRESETS.astegni).toEqual({
    ...common,
    name: 'astegni',
    preset: 'astegni',
    lateAfterMs: 5 * MIN,
    absentBelowPercent: 30,
    partialUpToPercent: 40,
    presentAbovePercent: 70,
    absentWhenLaterThanMs: 15 * MIN,
    overrunMs: 0,
  });
  expect(PRESETS.musa).toMatchObject({ ...common, lateAfterMs: 15 * MIN, overrunMs: 30 * MIN });
});

describe("a tenant's version", () => {
  test("is the preset's where it says nothing", () => {
    const policy = policyFromDefinition({ version: 3, definition: definition({ preset: 'astegni' }) });
    expect(policy).toEqual({ ...PRESETS.astegni, name: 'evening', version: 3 });
  });

  test('says everything in the units of its names, fractions allowed', () => {
    const all = definition({
      late_after_minutes: 2.5,
      absent_below_percent: 12.5,
      partial_up_to_percent: 55.5,
      present_above_percent: 80.25,
      absent_when_later_than_minutes: 20,
      overrun_minutes: 0.5,
      bridge_seconds: 1.5,
      min_presence_seconds: 0,
      empty_settles_after_hours: 0.25,
    });
    expect(policyFromDefinition({ version: 1, definition: all })).toEqual({
      name: 'evening',
      preset: 'itqan',
      version: 1,
      lateAfterMs: 150_000,
      absentBelowPercent: 12.5,
      partialUpToPercent: 55.5,
      presentAbovePercent: 80.25,
      absentWhenLaterThanMs: 20 * MIN,
      overrunMs: 30_000,
      bridgeMs: 1_500,
      minPresenceMs: 0,
      emptySettlesAfterMs: 15 * MIN,
    });
  });

  test('is in whole milliseconds', () => {
    const third = definition({ late_after_minutes: 1 / 3, bridge_seconds: 0.0004 });
    expect(policyFromDefinition({ version: 1, definition: third })).toMatchObject({
      lateAfterMs: 20_000,
      bridgeMs: 0,
    });
  });
});

describe('the version in force', () => {
  const versions = [
    { version: 2, definition: definition({ effective_from: '2025-03-10' }) },
    { version: 1, definition: definition() },
    { version: 4, definition: definition({ effective_from: '2025-03-20' }) },
    { version: 3, definition: definition({ effective_from: '2025-03-20' }) },
    { version: 1, definition: definition({ name: 'itqan', effective_from: '2025-03-05' }) },
  ];

  test.each([
    ['evening', '2025-02-28', null],
    ['evening', '2025-03-01', 1],
    ['evening', '2025-03-09', 1],
    ['evening', '2025-03-10', 2],
    ['evening', '2025-03-19', 2],
    ['evening', '2025-03-20', 4],
    ['itqan', '2025-03-04', 0],
    ['itqan', '2025-03-05', 1],
    ['musa', '1970-01-01', 0],
    ['unheard of', '2025-03-20', null],
    ['toString', '2025-03-20', null],
  ])('of %s on %s is %s', (name, date, version) => {
    expect(resolvePolicy(name, date, versions)?.version ?? null).toBe(version);
    expect(resolvePolicy(name, date, versions.toReversed())?.version ?? null).toBe(version);
  });
});

describe('the check', () => {
  const fields = (changes: Partial<PolicyDefinition>) =>
    checkPolicyDefinition(definition(changes)).map((problem) => problem.field);

  test('accepts what is sound', () => {
    expect(fields({})).toEqual([]);
    expect(fields({ preset: 'astegni' })).toEqual([]);
    expect(fields({ preset: 'musa', overrun_minutes: 1440, absent_below_percent: 100 })).toEqual([]);
    expect(
      fields({ absent_below_percent: 50, partial_up_to_percent: 50, present_above_percent: 50 }),
    ).toEqual([]);
    expect(fields({ late_after_minutes: 0, bridge_seconds: 0, min_presence_seconds: 0 })).toEqual([]);
  });

  test.each([
    [{ name: ' ' }, 'name'],
    [{ name: 'x'.repeat(101) }, 'name'],
    [{ preset: 'zoom' as 'itqan' }, 'preset'],
    [{ effective_from: '2025-02-30' }, 'effective_from'],
    [{ effective_from: '2025-13-01' }, 'effective_from'],
    [{ effective_from: '01.03.2025' }, 'effective_from'],
    [{ late_after_minutes: -1 }, 'late_after_minutes'],
    [{ late_after_minutes: 1440.1 }, 'late_after_minutes'],
    [{ absent_below_percent: 100.1 }, 'absent_below_percent'],
    [{ partial_up_to_percent: Number.NaN }, 'partial_up_to_percent'],
    [{ present_above_percent: 101 }, 'present_above_percent'],
    [{ absent_when_later_than_minutes: -0.1 }, 'absent_when_later_than_minutes'],
    [{ overrun_minutes: 1441 }, 'overrun_minutes'],
    [{ bridge_seconds: 3601 }, 'bridge_seconds'],
    [{ min_presence_seconds: Number.POSITIVE_INFINITY }, 'min_presence_seconds'],
    [{ empty_settles_after_hours: 168.1 }, 'empty_settles_after_hours'],
    [{ absent_below_percent: 50.1 }, 'absent_below_percent'],
    [{ absent_below_percent: 60, partial_up_to_percent: 55 }, 'partial_up_to_percent'],
    [{ partial_up_to_percent: 75.1 }, 'partial_up_to_percent'],
    [{ present_above_percent: 49 }, 'present_above_percent'],
    [{ absent_when_later_than_minutes: 14 }, 'absent_when_later_than_minutes'],
    [{ preset: 'astegni' as const, late_after_minutes: 16 }, 'late_after_minutes'],
    [{ preset: 'musa' as const, absent_below_percent: 2, partial_up_to_percent: 1 }, 'partial_up_to_percent'],
  ])('refuses %o at %s', (changes, field) => {
    expect(fields(changes)).toEqual([field]);
  });

  test('says what would be accepted', () => {
    expect(checkPolicyDefinition(definition({ late_after_minutes: -1, effective_from: 'soon' }))).toEqual([
      { field: 'effective_from', message: 'is "soon", must be a day of the calendar as YYYY-MM-DD' },
      { field: 'late_after_minutes', message: 'is -1, must be a number from 0 to 1440' },
    ]);
    expect(checkPolicyDefinition(definition({ absent_below_percent: 60 }))).toEqual([
      {
        field: 'absent_below_percent',
        message: 'is 60, must be at most partial_up_to_percent, which is 50 unless given',
      },
    ]);
    expect(checkPolicyDefinition(definition({ partial_up_to_percent: 5 }))).toEqual([
      { field: 'partial_up_to_percent', message: 'is 5, must be at least absent_below_percent, which is 10' },
    ]);
  });
});

import { describe, expect, test } from 'vitest';
import type { ClassFacts, EvidenceEvent, SourceFact } from './facts.ts';
import { AMAL, calculate, classFacts, event, HOUR, MIN, record, stay } from './test-facts.ts';

describe('a source that declared itself complete', () => {
  const zoom: SourceFact = { name: 'zoom', kind: 'in_call', declaredComplete: true };
  const complete = (...sources: SourceFact[]) =>
    (['meet', 'livekit', 'whiteboard'] as const).map(
      (provider) => calculate({ provider, sources }).isComplete,
    );

  test('completes the class, whatever its provider', () => {
    expect(complete(zoom)).toEqual([true, true, true]);
    expect(record({ sources: [zoom] })).toMatchObject({ status: 'absent', isFinal: true });
  });

  test('does so only when it declared it and is an in-call source of the tenant', () => {
    expect(complete({ ...zoom, declaredComplete: false })).toEqual([false, false, false]);
    expect(complete({ ...zoom, kind: 'supporting' })).toEqual([false, false, false]);
    for (const name of ['meet', 'livekit', 'whiteboard']) {
      expect(complete({ ...zoom, name })).toEqual([false, false, false]);
    }
  });
});

describe('the whiteboard', () => {
  const board = { source: 'whiteboard' };
  const isComplete = (events: EvidenceEvent[], identities = classFacts().identities) =>
    calculate({ provider: 'whiteboard', sources: [], events, identities }).isComplete;

  test('is complete when somebody of the roster connected inside the window', () => {
    expect(isComplete(stay(AMAL, 0, 30_000, board))).toBe(true);
    expect(isComplete([event('joined', AMAL, HOUR - 1, board)])).toBe(true);
    expect(isComplete([event('joined', AMAL, HOUR, board)])).toBe(false);
    expect(isComplete(stay(AMAL, -30_000, 0, board))).toBe(false);
    expect(isComplete(stay(AMAL, -30_000, 1, board))).toBe(true);
  });

  test('is not complete by a guest, by a person who is not on the roster, or by another source', () => {
    expect(isComplete(stay('stranger', 0, 30_000, board))).toBe(false);
    expect(isComplete(stay('x', 0, 30_000, { ...board, personId: 'headmaster' }))).toBe(false);
    expect(isComplete(stay(AMAL, 0, HOUR))).toBe(false);
  });

  test('is not complete by a left of unknown beginning', () => {
    expect(isComplete([event('left', AMAL, MIN, board)])).toBe(false);
  });

  test('that nobody used makes everybody unknown', () => {
    const unused: Partial<ClassFacts> = { provider: 'whiteboard', sources: [] };
    expect(calculate(unused).people.map((person) => person.status)).toEqual([
      'unknown',
      'unknown',
      'unknown',
    ]);
    expect(calculate(unused).missing.map((gap) => gap.code)).toEqual(['whiteboard_unused']);
  });
});

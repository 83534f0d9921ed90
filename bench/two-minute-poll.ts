import type { Latency } from './percentiles.ts';

const PERIOD_MS = 120_000;

/**
 * How late a poller with a period of two minutes opens a class, computed, not run: the start falls anywhere between two
 * looks with equal chance, and the look itself is taken to cost nothing.
 */
export const twoMinutePoll = (count: number): Latency => ({
  count,
  p50_ms: PERIOD_MS * 0.5,
  p99_ms: PERIOD_MS * 0.99,
  max_ms: PERIOD_MS,
});

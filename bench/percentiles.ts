/** The smallest of the values that at least the given share of them does not exceed (nearest rank). */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export interface Latency {
  count: number;
  p50_ms: number;
  p99_ms: number;
  max_ms: number;
}

export const latencyOf = (values: readonly number[]): Latency => ({
  count: values.length,
  p50_ms: percentile(values, 0.5),
  p99_ms: percentile(values, 0.99),
  max_ms: percentile(values, 1),
});

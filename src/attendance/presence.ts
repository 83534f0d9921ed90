import type { Connection } from './connections.ts';
import type { ClassFacts, SourceFact } from './facts.ts';
import { clip, gaps, type Interval, total, union } from './intervals.ts';
import type { Policy } from './policy.ts';
import { WHITEBOARD } from './whiteboard-silence.ts';

/** What counts of a person's time, and how it came about. */
export interface Presence {
  /** The counted intervals: clipped, united, bridged; none when the minimum was not reached. */
  counted: Interval[];
  /** Gaps that count although nobody was connected. */
  bridged: Interval[];
  presenceMs: number;
  bridgedMs: number;
  /** Connected time inside the window before bridging and before the minimum. */
  connectedMs: number;
}

/**
 * Which sources give presence in this class: Meet, LiveKit and those registered as in-call, whatever the provider;
 * the whiteboard only where it is the provider (product §5, presence, step 1). A source nobody registered gives none.
 */
export function countingSources({
  provider,
  sources,
}: Pick<ClassFacts, 'provider' | 'sources'>): Set<string> {
  const counting = new Set(sources.filter(isRegisteredInCall).map((source) => source.name));
  counting.add('meet').add('livekit');
  if (provider === WHITEBOARD) counting.add(WHITEBOARD);
  return counting;
}

/** An in-call source of the tenant's own, not one of the three providers. */
export function isRegisteredInCall(source: SourceFact): boolean {
  return source.kind === 'in_call' && !['meet', 'livekit', WHITEBOARD].includes(source.name);
}

/**
 * The presence of one person (product §5, presence, steps 2 to 5).
 *
 * @param counting the person's connections of counting sources
 * @param also time that is not known, to see what it could add
 */
export function presenceOf(
  counting: readonly Connection[],
  window: Interval,
  policy: Pick<Policy, 'bridgeMs' | 'minPresenceMs'>,
  also: readonly Interval[] = [],
): Presence {
  const connected = union(clip([...known(counting), ...also], window));
  const connectedMs = total(connected);
  if (connectedMs < policy.minPresenceMs) {
    return { counted: [], bridged: [], presenceMs: 0, bridgedMs: 0, connectedMs };
  }
  const removedAt = new Set<number>();
  for (const connection of counting) if (connection.removed) removedAt.add(connection.endMs);
  const bridged = gaps(connected).filter(
    (gap) => gap.endMs - gap.startMs <= policy.bridgeMs && !removedAt.has(gap.startMs),
  );
  const bridgedMs = total(bridged);
  const counted = bridged.length === 0 ? connected : union([...connected, ...bridged]);
  return { counted, bridged, presenceMs: connectedMs + bridgedMs, bridgedMs, connectedMs };
}

/** The time of connections whose beginning is known. */
export function known(connections: readonly Connection[]): Interval[] {
  const intervals: Interval[] = [];
  for (const { beginMs, endMs } of connections) {
    if (beginMs !== null) intervals.push({ startMs: beginMs, endMs });
  }
  return intervals;
}

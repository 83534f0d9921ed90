import type { PresentMemory } from '../src/meet/answer.ts';

/** Classes that one worker watches at a time; beyond that the one not asked for longest is forgotten, at no harm. */
const KEPT = 2_000;

/** What the last present listing of each class knows, so that the next asks less. Lost with the process. */
export interface PresentMemories {
  of(classId: string): PresentMemory | undefined;
  keep(classId: string, memory: PresentMemory): void;
  forget(classId: string): void;
}

export function createPresentMemories(): PresentMemories {
  const memories = new Map<string, PresentMemory>();
  return {
    of: (classId) => memories.get(classId),
    keep(classId, memory) {
      memories.delete(classId);
      memories.set(classId, memory);
      const [oldest] = memories.keys();
      if (memories.size > KEPT && oldest !== undefined) memories.delete(oldest);
    },
    forget: (classId) => void memories.delete(classId),
  };
}

import type { Connection } from './connections.ts';
import type { ClassFacts } from './facts.ts';
import type { Interval } from './intervals.ts';
import type { Missing } from './record.ts';

/** What a rule of completeness (product §6) looks at. */
export interface Evidence {
  facts: ClassFacts;
  connections: readonly Connection[];
  window: Interval;
}

/** What is missing; `about` says whether it could show more of everybody or only of whose connection it is. */
export interface Gap extends Missing {
  about: 'everybody' | 'one';
}

/** How complete the evidence of a class is. */
export interface Completeness {
  gaps: Gap[];
  /** Meet has answered for days that nothing ever took place. */
  noConference: boolean;
}

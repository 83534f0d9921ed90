import type { FaultScript } from './control-protocol.ts';

export type FaultBoard = ReturnType<typeof createFaultBoard>;

/** Planted faults: which calls they meet, how often and for how long. The first that fits is taken. */
export function createFaultBoard() {
  let planted: { fault: FaultScript; pattern: RegExp; left: number; untilMs: number }[] = [];
  return {
    plant(fault: FaultScript): void {
      planted.push({
        fault,
        pattern: new RegExp(fault.match),
        left: fault.times ?? Number.POSITIVE_INFINITY,
        untilMs:
          fault.for_seconds === undefined ? Number.POSITIVE_INFINITY : Date.now() + fault.for_seconds * 1000,
      });
    },
    /** @param call `METHOD /path?query` */
    take(call: string): FaultScript | undefined {
      planted = planted.filter(({ left, untilMs }) => left > 0 && Date.now() < untilMs);
      const found = planted.find(({ pattern }) => pattern.test(call));
      if (found) found.left -= 1;
      return found?.fault;
    },
    clear(): void {
      planted = [];
    },
  };
}

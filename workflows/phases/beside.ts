import { CancellationScope } from '@temporalio/workflow';

/** Work that goes on beside whatever the phase does: nobody waits for it, neither a bell nor the opening. */
export interface Beside {
  /** Begins, unless it is being done already. */
  begin(): void;
  stop(): void;
}

/** @param work must not fail */
export function createBeside(work: () => Promise<void>): Beside {
  let running: CancellationScope | null = null;
  return {
    begin() {
      if (running) return;
      const scope = new CancellationScope();
      running = scope;
      void scope.run(work).finally(() => {
        if (running === scope) running = null;
      });
    },
    stop: () => running?.cancel(),
  };
}

import { CancellationScope } from '@temporalio/workflow';

/** Work that goes on beside whatever the phase does: nobody waits for it, neither a bell nor the opening. */
export interface Beside {
  /** Begins, unless something is being done already. The work must not fail. */
  begin(work: () => Promise<void>): void;
  stop(): void;
}

export function createBeside(): Beside {
  let running: CancellationScope | null = null;
  return {
    begin(work) {
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

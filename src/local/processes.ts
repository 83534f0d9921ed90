import { type ProcessSpec, type RunningProcess, superviseProcess } from './supervised-process.ts';

export interface Unexpected {
  readonly name: string;
  /** An exit status or a signal. */
  readonly how: string;
}

export interface Processes {
  /** Resolves when the process is ready; throws, with its last lines, when it ends first or takes too long. */
  start(spec: ProcessSpec): Promise<RunningProcess>;
  /** Resolves with the first process that ended unasked and is not restarted. */
  readonly failed: Promise<Unexpected>;
  /** Stops all of them, the last started first. May be called at any time, also while one is starting. */
  stop(): Promise<void>;
}

/**
 * Starts and stops the processes that make up one Rollcall. Each leads a group of its own and is guarded, so Ctrl-C
 * in the terminal reaches only this process, which stops them in order, and nothing stays when this process dies.
 */
export function createProcesses(
  options: {
    readonly write?: (line: string) => void;
    /** Stops all of them when it is aborted, one that is starting too. */
    readonly signal?: AbortSignal;
  } = {},
): Processes {
  const { write = (line) => process.stdout.write(`${line}\n`), signal } = options;
  const started: RunningProcess[] = [];
  const failed = Promise.withResolvers<Unexpected>();
  let stopping: Promise<void> | undefined;

  const stopAll = async () => {
    for (const running of started.toReversed()) await running.stop();
  };

  const stop = () => (stopping ??= stopAll());
  signal?.addEventListener('abort', () => void stop(), { once: true });

  return {
    failed: failed.promise,
    async start(spec) {
      if (stopping !== undefined)
        throw new Error(`${spec.name} is not started: everything is being stopped.`);
      const running = superviseProcess(spec, {
        write: (line) => write(`${spec.name.padEnd(WIDTH)} | ${line}`),
        onUnexpectedEnd: (how) => failed.resolve({ name: spec.name, how }),
      });
      started.push(running);
      await running.ready;
      return running;
    },
    stop,
  };
}

// As wide as the longest of ours, "simulator", so that the lines align.
const WIDTH = 9;

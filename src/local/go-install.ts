import type { ProgramSource } from './find-program.ts';
import { onPath } from './on-path.ts';
import { runCommand } from './run-command.ts';

/** Builds a program with the Go that is on PATH. `takes` tells a person how long that is: "about 4 minutes". */
export function goInstall(options: {
  readonly target: string;
  readonly takes: string;
  readonly cure: string;
  readonly env: NodeJS.ProcessEnv;
}): ProgramSource {
  const { target, takes, cure, env } = options;
  return {
    name: `go install ${target} (${takes})`,
    cure,
    async obtain(directory, signal, onLine) {
      const [go] = onPath('go', env);
      if (go === undefined) throw new Error('there is no `go` on PATH');
      let compiled = 0;
      await runCommand(go, ['install', '-v', '-ldflags=-s -w', target], {
        cwd: directory,
        env: { ...env, GOBIN: directory, GOFLAGS: '', GOWORK: 'off' },
        signal,
        onLine(line) {
          // `-v` names each package when it is done; lines of `go:` are about modules that are fetched first.
          onLine(line.startsWith('go: ') ? line : `package ${++compiled}, ${line}`);
        },
      });
    },
  };
}

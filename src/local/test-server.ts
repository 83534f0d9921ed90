import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir } from './cache-dir.ts';
import { findProgram, type ProgramSource } from './find-program.ts';
import { onPath } from './on-path.ts';
import type { Report } from './progress.ts';
import { CommandFailed, runCommand } from './run-command.ts';
import { sdkDownload } from './sdk-download.ts';

const TEST_SERVER = '1.31.0';
const EXECUTABLE = 'temporal-test-server';

/**
 * The path of Temporal's time-skipping test server, for `server.executable` of
 * `TestWorkflowEnvironment.createTimeSkipping` as `{ type: 'existing-path', path }`. From the cache, else from
 * `sources` (the SDK's download, Maven). Throws `ProgramNotFound` with every attempt and its cure.
 */
export function findTestServer(options: {
  readonly report: Report;
  readonly env?: NodeJS.ProcessEnv;
  readonly sources?: readonly ProgramSource[];
  readonly signal?: AbortSignal | undefined;
}): Promise<string> {
  const { report, env = process.env, signal } = options;
  const wanted = {
    title: "Temporal's time-skipping test server",
    cacheName: `temporal-test-server-${TEST_SERVER}`,
    executable: EXECUTABLE,
    sources: options.sources ?? [sdkDownload('time-skipping', EXECUTABLE, env), maven(env)],
    verify: (path: string) => verify(path, env),
  };
  return findProgram(wanted, { cacheDir: cacheDir(env), report, signal });
}

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>rollcall</groupId>
  <artifactId>temporal-test-server</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>io.temporal</groupId>
      <artifactId>temporal-test-server</artifactId>
      <version>${TEST_SERVER}</version>
    </dependency>
  </dependencies>
</project>
`;

// It lives for a minute: what Java's second compiler and parallel collector would win they never earn back.
const SCRIPT = `#!/bin/sh
exec java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$(dirname "$0")/lib/*" io.temporal.testserver.TestServer "$@"
`;

function maven(env: NodeJS.ProcessEnv): ProgramSource {
  return {
    name: `Maven, io.temporal:temporal-test-server:${TEST_SERVER} (about a minute)`,
    cure: 'Install Java 11 or newer and Maven, so that `java` and `mvn` are on PATH.',
    async obtain(directory, signal, onLine) {
      const [[mvn], [java]] = [onPath('mvn', env), onPath('java', env)];
      if (mvn === undefined || java === undefined) {
        throw new Error(`there is no \`${mvn === undefined ? 'mvn' : 'java'}\` on PATH`);
      }
      writeFileSync(join(directory, 'pom.xml'), POM);
      await runCommand(
        mvn,
        ['-B', '-ntp', 'dependency:copy-dependencies', '-DoutputDirectory=lib', '-DincludeScope=runtime'],
        { cwd: directory, env, signal, onLine },
      );
      writeFileSync(join(directory, EXECUTABLE), SCRIPT);
      chmodSync(join(directory, EXECUTABLE), 0o755);
    },
  };
}

// Without a port it prints how to call it, and with which status is not settled.
async function verify(path: string, env: NodeJS.ProcessEnv): Promise<void> {
  if (!existsSync(path)) throw new Error(`${path} does not exist`);
  const said = await runCommand(path, [], { env, timeoutMs: 15_000 }).catch((error: unknown) => {
    if (error instanceof CommandFailed) return error.message;
    throw error;
  });
  if (!said.includes('--enable-time-skipping')) throw new Error(`${path} answered "${said.slice(0, 200)}"`);
}

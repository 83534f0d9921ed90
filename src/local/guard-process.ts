// Run by guard.ts. Reads what to end from its standard input, which closes when the process that started it ends.
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { GuardLine } from './guard.ts';
import { stopProcess } from './stop-process.ts';

const kept = new Map<number, GuardLine>();

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

for await (const text of createInterface({ input: process.stdin })) {
  const line = JSON.parse(text) as GuardLine;
  if (line.kind === 'release') kept.delete(line.key);
  else kept.set(line.key, line);
}

const lastFirst = [...kept.values()].reverse();
for (const line of lastFirst) {
  // One that cannot be ended (no permission) must not keep the others alive.
  if (line.kind === 'process') await stopProcess(line.identity, line.plan).catch(() => {});
}
for (const line of lastFirst) {
  if (line.kind === 'path') rmSync(line.path, { recursive: true, force: true });
}

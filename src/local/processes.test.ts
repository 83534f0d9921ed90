import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { eventually, kill, runModule, temporaryDirectory } from './local-test.ts';
import { identify } from './process-identity.ts';
import { createProcesses } from './processes.ts';
import { runCommand } from './run-command.ts';
import { politely, stopProcess } from './stop-process.ts';
import type { ProcessSpec } from './supervised-process.ts';

const STAYS = 'setInterval(() => {}, 1000);';
const readyLine = { line: /^ready/ };

function script(name: string, source: string, more: Partial<ProcessSpec> = {}): ProcessSpec {
  return { name, args: ['--eval', source], ...more };
}

function create() {
  const lines: string[] = [];
  const processes = createProcesses({ write: (line) => void lines.push(line) });
  onTestFinished(() => processes.stop());
  return { lines, processes };
}

const isGone = (pid: number | undefined) => pid !== undefined && identify(pid) === undefined;

test('a process is ready when it writes its ready line, and every line carries its name', async () => {
  const { lines, processes } = create();
  await processes.start(
    script('server', `console.log('ready on ' + process.env.PORT); ${STAYS}`, {
      ready: readyLine,
      env: { PORT: '1234' },
    }),
  );
  expect(lines).toEqual(['server    | ready on 1234']);
});

test('a process is ready when its URL answers 2xx, not before', async () => {
  let status = 503;
  const server = createServer((_, response) => response.writeHead(status).end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { processes } = create();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let isReady = false;
  const started = processes.start(script('server', STAYS, { ready: { url } })).then(() => {
    isReady = true;
  });
  await once(server, 'request');
  expect(isReady).toBe(false);
  status = 204;
  await started;
});

test('one that ends before it is ready is an error with its last words', async () => {
  const { processes } = create();
  const start = processes.start(
    script('worker', `console.error('no database'); process.exit(3)`, { ready: readyLine }),
  );
  await expect(start).rejects.toThrow('worker ended with status 3:\nno database');
});

test('one that is not ready in time is an error, and is gone', async () => {
  const { lines, processes } = create();
  const start = processes.start(
    script('worker', `console.log(process.pid); ${STAYS}`, { ready: readyLine, readyWithinMs: 700 }),
  );
  await expect(start).rejects.toThrow('worker was not ready within 0.7 s');
  await eventually('it is gone', () => isGone(Number(lines[0]?.split('| ')[1])));
});

test('a signal stops what runs and what is starting', async () => {
  const calledOff = new AbortController();
  const lines: string[] = [];
  const processes = createProcesses({ write: (line) => void lines.push(line), signal: calledOff.signal });
  const says = `console.log(process.pid); ${STAYS}`;
  await processes.start(script('first', says));
  const second = processes.start(script('second', says, { ready: { line: /never/ } }));
  second.catch(() => {});
  await eventually('both have begun', () => lines.length === 2);
  calledOff.abort();
  await expect(second).rejects.toThrow('second was stopped');
  const pids = lines.map((line) => Number(line.split('| ')[1]));
  await eventually('both are gone', () => pids.every(isGone));
});

test('a crash is mended by a restart where that was asked for', async () => {
  const { processes } = create();
  const running = await processes.start(
    script('worker', `console.log('ready'); ${STAYS}`, { ready: readyLine, restart: true }),
  );
  const first = running.pid() ?? 0;
  process.kill(first, 'SIGKILL');
  await eventually('another one runs', () => ![undefined, first].includes(running.pid()));
});

test('a crash is told where no restart was asked for', async () => {
  const { processes } = create();
  const running = await processes.start(script('worker', STAYS));
  process.kill(running.pid() ?? 0, 'SIGKILL');
  expect(await processes.failed).toEqual({ name: 'worker', how: 'SIGKILL' });
});

test('the last started stops first, and each is gone before the next is asked', async () => {
  const { lines, processes } = create();
  const says = (name: string) =>
    `process.on('SIGTERM', () => { console.log('stops'); setTimeout(() => { console.log('gone'); process.exit() }, 50) }); console.log('ready'); ${STAYS}`.replaceAll(
      'gone',
      `gone ${name}`,
    );
  for (const name of ['first', 'second'])
    await processes.start(script(name, says(name), { ready: readyLine }));
  lines.length = 0;
  await processes.stop();
  expect(lines.map((line) => line.replace(/ +\| /, ' '))).toEqual([
    'second stops',
    'second gone second',
    'first stops',
    'first gone first',
  ]);
});

test('one that does not heed SIGTERM is killed, with what it started', async () => {
  const { lines, processes } = create();
  const stubborn = `process.on('SIGTERM', () => {}); const { pid } = require('node:child_process').spawn('sleep', ['1000']); console.log('ready ' + pid); ${STAYS}`;
  const running = await processes.start(
    script('worker', stubborn, { ready: readyLine, stopPlan: [{ signal: 'SIGTERM', waitMs: 200 }] }),
  );
  const pids = [running.pid(), Number(lines[0]?.split('ready ')[1])];
  await processes.stop();
  await eventually('both are gone', () => pids.every(isGone));
});

test('nothing runs of what was started a moment before SIGKILL', async () => {
  const begun = join(temporaryDirectory(), 'begun');
  const { said } = runModule(`
    import { writeSync } from 'node:fs';
    import { createRequire, syncBuiltinESMExports } from 'node:module';
    const children = createRequire(import.meta.url)('node:child_process');
    const { spawn } = children;
    children.spawn = (...order) => {
      const { pid } = spawn(...order);
      writeSync(1, 'said ' + pid + '\\n');
      process.kill(process.pid, 'SIGKILL');
    };
    syncBuiltinESMExports();
    const { runCommand } = await import(local + 'run-command.ts');
    await runCommand('/bin/sh', ['-c', 'echo > "$0"; sleep 1000', ${JSON.stringify(begun)}]);`);
  const pid = await said();
  await eventually('it is gone', () => isGone(Number(pid)));
  expect(existsSync(begun)).toBe(false);
});

test.each(['no-such-command', '/no/such/command'])(
  'a command that is not there is said to be: %s',
  async (name) => {
    await expect(runCommand(name, [])).rejects.toThrow(`spawn ${name} ENOENT`);
  },
);

test('a process that has the id of one of ours by now is let alone', async () => {
  const { lines, processes } = create();
  const answers = `for (const signal of ['SIGTERM', 'SIGUSR2']) process.on(signal, () => console.log(signal));`;
  const running = await processes.start(
    script('stranger', `${answers} console.log('ready'); ${STAYS}`, {
      ready: readyLine,
      stopPlan: [{ signal: 'SIGKILL', waitMs: 1_000 }],
    }),
  );
  const pid = running.pid() ?? 0;
  await stopProcess({ pid, startedAt: 'another time' }, politely);
  // What was sent before it would be told before it.
  process.kill(pid, 'SIGUSR2');
  await eventually('it answers', () => lines.some((line) => line.endsWith('SIGUSR2')));
  expect(lines.filter((line) => line.endsWith('SIGTERM'))).toEqual([]);
});

test.each(['SIGKILL', 'SIGINT', 'SIGTERM'] as const)(
  'when the parent gets %s, its processes and theirs end, gracefully',
  async (signal) => {
    const { child, said } = runModule(`
    const { createProcesses } = await import(local + 'processes.ts');
    const processes = createProcesses({ write: (line) => say(line.split('| ')[1]) });
    await processes.start({ name: 'server', args: ['--eval', ${JSON.stringify(
      `const { pid } = require('node:child_process').spawn('sleep', ['1000']); console.log(process.pid + ' ' + pid); ${STAYS}`,
    )}] });`);
    const pids = String(await said())
      .split(' ')
      .map(Number);
    expect(pids.map(isGone)).toEqual([false, false]);
    await kill(child, signal);
    await eventually('both are gone', () => pids.every(isGone));
  },
);

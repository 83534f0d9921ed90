/** From an event's being stored to its being seen by whoever watches the class, while 3,000 people are at whiteboards. */
import { setTimeout as sleep } from 'node:timers/promises';
import Table from 'cli-table3';
import type { Command } from 'commander';
import { createApi } from '../src/cli/demo-api.ts';
import { signToken } from '../src/cli/token.ts';
import { watchClass } from '../src/http/test-live.ts';
import type { LocalRollcall } from '../src/local/rollcall.ts';
import { describeMachine, machineLine } from './machine.ts';
import { percentile } from './percentiles.ts';
import { untilIdle } from './process-usage.ts';
import { CROWD_TENANT, type CrowdClass, gather, scheduleCrowd } from './whiteboard-crowd.ts';
import { withRollcall } from './with-rollcall.ts';

const SOCKETS = 3_000;
const CLASSES = 100;
const EVENTS_A_SECOND = 10;
const FIGURE_MS = 1_000;

export function addLive(program: Command): void {
  program
    .command('live')
    .description('how soon a stored event is seen in the live roll of 100 watched classes')
    .option('--seconds <s>', 'how long', Number, 60)
    .option('--json', 'print JSON')
    .action(live);
}

async function live({ seconds, json }: { seconds: number; json?: boolean }): Promise<void> {
  const found = await withRollcall(seconds * 1_000 + 240_000, async (rollcall, signal) => {
    const say = (line: string): void => void process.stderr.write(`${line}\n`);
    const machine = await describeMachine(rollcall);
    const shape = { classes: CLASSES, people: SOCKETS / CLASSES, startsInMs: 50_000 };
    const classes = await scheduleCrowd(rollcall, shape);
    say('Waiting until the classes are open and their workflows have nothing to do.');
    await sleep(50_000, undefined, { signal });
    await untilIdle(rollcall.worker.pid(), signal);
    say(`${SOCKETS} people come, and ${CLASSES} watch.`);
    const crowd = await gather(rollcall, classes, signal);
    const seen = await watchAll(rollcall, classes);
    await sleep(10_000, undefined, { signal });
    say(`Measuring for ${seconds} s.`);
    const api = await createApi(rollcall);
    await api.send('POST', '/api/sources', { name: 'bench', kind: 'in_call' });
    const stored = new Map<string, number>();
    const send = async (n: number): Promise<void> => {
      const identity = `guest-${n}`;
      const at = new Date().toISOString();
      const event = { source_event_id: `e${n}`, kind: 'joined', at, connection_id: `c${n}`, identity };
      await api.send('POST', `/api/classes/${classes[n % CLASSES]?.classId}/events`, {
        source: 'bench',
        events: [event],
      });
      stored.set(identity, performance.now());
    };
    const sending: Promise<void>[] = [];
    for (let n = 0; n < seconds * EVENTS_A_SECOND; n++) {
      sending.push(send(n));
      await sleep(1_000 / EVENTS_A_SECOND, undefined, { signal });
    }
    await Promise.all(sending);
    await sleep(3_000);
    const delays = [...stored].map(([who, atMs]) =>
      Math.max(0, (seen.at.get(who) ?? Number.POSITIVE_INFINITY) - atMs),
    );
    const result = {
      bench: 'live',
      ...machine(),
      sockets: crowd.connected,
      watched: CLASSES,
      events: delays.length,
      never_seen: delays.filter((ms) => ms === Number.POSITIVE_INFINITY).length,
      p50_ms: Math.round(percentile(delays, 0.5)),
      p99_ms: Math.round(percentile(delays, 0.99)),
      most_ms: Math.round(Math.max(...delays)),
    };
    seen.stop();
    await crowd.leave();
    return result;
  });
  if (json) process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
  else {
    const table = new Table({ head: ['stored → seen', 'measured', 'figure'], style: { head: [] } });
    table.push(
      ['p50 ms', found.p50_ms, ''],
      ['p99 ms', found.p99_ms, `≤ ${FIGURE_MS}`],
      ['most ms', found.most_ms, ''],
    );
    process.stdout.write(
      `${table}\n${found.events} events, ${found.sockets} sockets; ${machineLine(found)}\n`,
    );
  }
  if (found.p99_ms > FIGURE_MS || found.never_seen > 0 || found.sockets < SOCKETS) {
    process.stderr.write('missed: see above\n');
    process.exitCode = 1;
  }
}

/** When each guest was first seen in whatever class. */
async function watchAll(rollcall: LocalRollcall, classes: readonly CrowdClass[]) {
  const token = await signToken(rollcall.jwtSecret ?? '', {
    tenant: CROWD_TENANT,
    role: 'admin',
    sub: 'bench',
  });
  const at = new Map<string, number>();
  const watchers = await Promise.all(
    classes.map(({ classId }) => watchClass(rollcall.apiUrl, classId, { token })),
  );
  for (const watcher of watchers) {
    void (async () => {
      for (let event = await watcher.next(); event; event = await watcher.next()) {
        const nowMs = performance.now();
        for (const { identity } of (event.data.guests ?? []) as { identity: string }[]) {
          if (!at.has(identity)) at.set(identity, nowMs);
        }
      }
    })().catch(() => {});
  }
  return {
    at,
    stop() {
      for (const watcher of watchers) watcher.stop();
    },
  };
}

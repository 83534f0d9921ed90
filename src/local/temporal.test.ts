import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { expect, onTestFinished, test } from 'vitest';
import { findTemporal } from './find-temporal.ts';
import { freePort } from './free-port.ts';
import { eventually, kill, runModule, temporaryDirectory } from './local-test.ts';
import { identify } from './process-identity.ts';
import { startTemporal, type TemporalOptions } from './temporal.ts';

const binary = await findTemporal({ report: () => {} });
const searchAttributes = { RollcallTenant: 'Keyword', RollcallStart: 'Datetime' } as const;

async function start(options: Partial<TemporalOptions> & { readonly dataDir: string }) {
  const running = await startTemporal({
    binary,
    searchAttributes,
    headless: true,
    report: () => {},
    ...options,
  });
  onTestFinished(() => running.stop());
  return running;
}

async function connect(address: string, namespace = 'default'): Promise<Client> {
  const connection = await Connection.connect({ address });
  onTestFinished(() => connection.close());
  return new Client({ connection, namespace });
}

test('a workflow is there after a stop and a start, found by its search attribute, and a new attribute is too', async () => {
  const dataDir = temporaryDirectory();
  const first = await start({ dataDir, namespace: 'school' });
  const client = await connect(first.address, 'school');
  const options = { taskQueue: 'nobody', workflowId: 'kept', searchAttributes: { RollcallTenant: ['a'] } };
  await client.workflow.start('waits', options);
  await first.stop();
  const later = { ...searchAttributes, RollcallLater: 'Int' };
  const second = await start({ dataDir, namespace: 'school', searchAttributes: later });
  const again = await connect(second.address, 'school');
  expect(await again.workflow.getHandle('kept').describe()).toMatchObject({ status: { name: 'RUNNING' } });
  await eventually(
    'it is listed',
    async () => (await again.workflow.count(`RollcallTenant = 'a'`)).count === 1,
  );
  const known = await again.connection.operatorService.listSearchAttributes({ namespace: 'school' });
  expect(Object.keys(known.customAttributes ?? {})).toContain('RollcallLater');
});

test('a workflow that was accepted survives a SIGKILL of the server', async () => {
  const dataDir = temporaryDirectory();
  const first = await start({ dataDir });
  await (await connect(first.address)).workflow.start('waits', { taskQueue: 'nobody', workflowId: 'kept' });
  process.kill(first.pid, 'SIGKILL');
  await first.stop();
  const second = await start({ dataDir });
  const description = await (await connect(second.address)).workflow.getHandle('kept').describe();
  expect(description.status.name).toBe('RUNNING');
});

test('listens on the loopback only, the web interface and the metrics too, and lets no second one have its files', async () => {
  const dataDir = temporaryDirectory();
  const running = await start({ dataDir, headless: false });
  expect((await fetch(running.uiUrl ?? '')).ok).toBe(true);
  const loopback = /^(0100007F|0{24}0100007F|0{31}1):/;
  const addresses = listeningAddresses(running.pid);
  expect(addresses.length).toBeGreaterThan(2);
  expect(addresses.filter((address) => !loopback.test(address))).toEqual([]);
  await expect(start({ dataDir })).rejects.toThrow(/uses the Temporal files in .* ROLLCALL_DATA_DIR/);
});

test('a taken port is an error with what the server said', async () => {
  const port = await freePort();
  const holder = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1');
  await once(holder, 'listening');
  onTestFinished(() => void holder.close());
  await expect(start({ dataDir: temporaryDirectory(), port })).rejects.toThrow(
    new RegExp(`did not start[^]*${port}`),
  );
});

test('one that panics while it starts is started again', async () => {
  const dataDir = temporaryDirectory();
  const panicsOnce = join(dataDir, 'temporal-that-panics');
  const script = [
    '#!/bin/sh',
    `[ -e "$0.panicked" ] && exec '${binary}' "$@"`,
    'touch "$0.panicked"',
    'echo "panic: runtime error: invalid memory address or nil pointer dereference" >&2',
    'exit 2',
  ];
  writeFileSync(panicsOnce, script.join('\n'), { mode: 0o755 });
  const { address } = await start({ dataDir, binary: panicsOnce });
  expect(existsSync(`${panicsOnce}.panicked`)).toBe(true);
  await connect(address);
});

test('nothing runs after the stop, nor after the parent was killed', async () => {
  const running = await start({ dataDir: temporaryDirectory() });
  await running.stop();
  expect(identify(running.pid)).toBeUndefined();
  const { child, said } = runModule(`
    const { startTemporal } = await import(local + 'temporal.ts');
    say(await startTemporal({ binary: ${JSON.stringify(binary)}, dataDir: ${JSON.stringify(temporaryDirectory())}, searchAttributes: {}, headless: true, report }));
    setInterval(() => {}, 1_000);`);
  const { pid } = (await said()) as { pid: number };
  expect(identify(pid)).toBeDefined();
  await kill(child, 'SIGKILL');
  await eventually('it is gone', () => identify(pid) === undefined);
});

// Local addresses in hexadecimal, as the kernel lists them for the sockets that the process holds.
function listeningAddresses(pid: number): string[] {
  const table = ['tcp', 'tcp6'].flatMap((file) =>
    readFileSync(join('/proc', String(pid), 'net', file), 'utf8')
      .split('\n')
      .slice(1),
  );
  const inodes = socketInodes(pid);
  return table
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === '0A' && inodes.has(inode ?? ''))
    .map(([, address = '']) => address);
}

function socketInodes(pid: number): Set<string> {
  const directory = `/proc/${pid}/fd`;
  const targets = readdirSync(directory).map((fd) => readlinkSync(join(directory, fd)));
  return new Set(targets.map((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? ''));
}

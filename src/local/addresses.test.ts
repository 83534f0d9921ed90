import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readAddresses, removeAddresses, writeAddresses } from './addresses.ts';
import { kill, runModule, temporaryDirectory } from './local-test.ts';

const ADDRESSES = {
  apiUrl: 'http://127.0.0.1:3000',
  databaseUrl: 'postgresql://rollcall_service:secret@127.0.0.1:5432/rollcall',
  temporalAddress: '127.0.0.1:7233',
  temporalUiUrl: 'http://127.0.0.1:8233',
  simulatorUrl: 'http://127.0.0.1:4000',
  livekitUrl: 'ws://127.0.0.1:7880',
};

function startElsewhere(dataDir: string) {
  return runModule(`
    const { writeAddresses } = await import(local + 'addresses.ts');
    writeAddresses(${JSON.stringify(dataDir)}, ${JSON.stringify(ADDRESSES)});
    say('written');
    setInterval(() => {}, 1_000);`);
}

test('are found while the process that wrote them runs, and not once it was killed', async () => {
  const dataDir = temporaryDirectory();
  const { child, said } = startElsewhere(dataDir);
  await said();
  expect(readAddresses(dataDir)).toEqual(ADDRESSES);
  await kill(child, 'SIGKILL');
  expect(readAddresses(dataDir)).toBeUndefined();
});

test('are not found when another process got the id of the one that wrote them', () => {
  const dataDir = temporaryDirectory();
  writeAddresses(dataDir, ADDRESSES);
  const file = join(dataDir, 'addresses.json');
  const written = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ ...written, process: { ...written.process, startedAt: 'long ago' } }));
  expect(readAddresses(dataDir)).toBeUndefined();
});

test('are removed by the process that wrote them alone, and can be read by their owner alone', async () => {
  const dataDir = temporaryDirectory();
  const { said } = startElsewhere(dataDir);
  await said();
  removeAddresses(dataDir);
  expect(readAddresses(dataDir)).toEqual(ADDRESSES);
  expect(statSync(join(dataDir, 'addresses.json')).mode & 0o777).toBe(0o600);
  writeAddresses(dataDir, ADDRESSES);
  removeAddresses(dataDir);
  expect(readAddresses(dataDir)).toBeUndefined();
});

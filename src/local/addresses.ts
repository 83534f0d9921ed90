/** Where the local mode of a data directory answers, for commands that run beside it. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';

export interface LocalAddresses {
  apiUrl: string;
  databaseUrl: string;
  temporalAddress: string;
  temporalUiUrl: string | undefined;
  simulatorUrl: string | undefined;
  /** Undefined where LiveKit is off. */
  livekitUrl?: string | undefined;
}

/** Killed, a local mode leaves its file behind; the process says whether anybody still answers there. */
interface Written extends LocalAddresses {
  process: ProcessIdentity | undefined;
}

const fileIn = (dataDir: string): string => join(dataDir, 'addresses.json');

/** Says where this process answers. */
export function writeAddresses(dataDir: string, addresses: LocalAddresses): void {
  const written: Written = { ...addresses, process: identify(process.pid) };
  writeFileSync(fileIn(dataDir), `${JSON.stringify(written, null, 2)}\n`, { mode: 0o600 });
}

/** Does nothing to the addresses of another process. */
export function removeAddresses(dataDir: string): void {
  if (read(dataDir)?.process?.pid === process.pid) rmSync(fileIn(dataDir), { force: true });
}

/** Undefined when no local mode runs there. */
export function readAddresses(dataDir: string): LocalAddresses | undefined {
  const written = read(dataDir);
  if (written?.process === undefined || !isAlive(written.process)) return undefined;
  const { process: _, ...addresses } = written;
  return addresses;
}

function read(dataDir: string): Written | undefined {
  try {
    return JSON.parse(readFileSync(fileIn(dataDir), 'utf8')) as Written;
  } catch {
    return undefined;
  }
}

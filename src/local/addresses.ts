/** Where the local mode of a data directory answers, for commands that run beside it. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface LocalAddresses {
  apiUrl: string;
  databaseUrl: string;
  temporalAddress: string;
  temporalUiUrl: string | undefined;
  simulatorUrl: string | undefined;
}

const fileIn = (dataDir: string): string => join(dataDir, 'addresses.json');

export const writeAddresses = (dataDir: string, addresses: LocalAddresses): void =>
  writeFileSync(fileIn(dataDir), `${JSON.stringify(addresses, null, 2)}\n`, { mode: 0o600 });

export const removeAddresses = (dataDir: string): void => rmSync(fileIn(dataDir), { force: true });

/** Undefined when no local mode runs there. */
export function readAddresses(dataDir: string): LocalAddresses | undefined {
  try {
    return JSON.parse(readFileSync(fileIn(dataDir), 'utf8')) as LocalAddresses;
  } catch {
    return undefined;
  }
}

import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDataDir } from './data-dir.ts';
import type { Report } from './progress.ts';

/** What local mode makes up so that nobody has to. Their names are those of the environment variables. */
export interface LocalSecrets {
  readonly AUTH_JWT_SECRET: string;
}

const FILE = 'secrets.json';

/**
 * The generated secrets of this data directory, made on the first call and the same ever after. Variables that the
 * environment sets itself come first: `{ ...localSecrets(…), ...process.env }`.
 */
export function localSecrets(options: { readonly dataDir: string; readonly report: Report }): LocalSecrets {
  const path = join(ensureDataDir(options.dataDir), FILE);
  const existing = read(path);
  if (existing !== undefined) return existing;
  const made: LocalSecrets = {
    // HS256 wants at least the 256 bits of its hash (RFC 7518 §3.2).
    AUTH_JWT_SECRET: randomBytes(32).toString('base64url'),
  };
  createWhole(path, `${JSON.stringify(made, null, 2)}\n`);
  options.report({
    kind: 'notice',
    text: `LOCAL MODE: made secrets for this machine only, in ${path}. They protect nothing elsewhere: set AUTH_JWT_SECRET yourself wherever real people are recorded.`,
  });
  return read(path) ?? made;
}

// A link appears whole or not at all, and does not replace what another start made in the same moment.
function createWhole(path: string, text: string): void {
  const part = `${path}.${process.pid}`;
  writeFileSync(part, text, { mode: 0o600 });
  try {
    linkSync(part, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(part);
  }
}

function read(path: string): LocalSecrets | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const found = parse(text);
  if (!found?.AUTH_JWT_SECRET) {
    throw new Error(
      `${path} is not the JSON object with AUTH_JWT_SECRET that it should be. Mend it, or remove it to have new secrets (which makes every token invalid).`,
    );
  }
  return found as LocalSecrets;
}

function parse(text: string): Partial<LocalSecrets> | undefined {
  try {
    return JSON.parse(text) as Partial<LocalSecrets>;
  } catch {
    return undefined;
  }
}

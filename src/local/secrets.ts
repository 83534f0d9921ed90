import { hkdfSync, randomBytes } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDataDir } from './data-dir.ts';
import type { Report } from './progress.ts';

/** What local mode makes up so that nobody has to. Their names are those of the environment variables. */
export interface LocalSecrets {
  readonly AUTH_JWT_SECRET: string;
  readonly LIVEKIT_API_KEY: string;
  readonly LIVEKIT_API_SECRET: string;
}

type Found = Partial<LocalSecrets> & Pick<LocalSecrets, 'AUTH_JWT_SECRET'>;

const FILE = 'secrets.json';

/**
 * The generated secrets of this data directory, made on the first call and the same ever after. A file of before some of
 * them existed is given those, and keeps what it has. Variables that the environment sets itself come first:
 * `{ ...localSecrets(…), ...process.env }`.
 */
export function localSecrets(options: { readonly dataDir: string; readonly report: Report }): LocalSecrets {
  const path = join(ensureDataDir(options.dataDir), FILE);
  const notice = (text: string) => options.report({ kind: 'notice', text: `LOCAL MODE: ${text}` });
  const existing = read(path);
  if (existing !== undefined) {
    const whole = completed(existing);
    const added = Object.keys(whole).filter((name) => !(name in existing));
    if (added.length > 0) {
      writeBeside(path, whole, renameSync);
      notice(`added ${added.join(' and ')} to the secrets in ${path}.`);
    }
    return whole;
  }
  // HS256 wants at least the 256 bits of its hash (RFC 7518 §3.2).
  const made = completed({ AUTH_JWT_SECRET: randomBytes(32).toString('base64url') });
  writeBeside(path, made, linkIfNew);
  notice(
    `made secrets for this machine only, in ${path}. They protect nothing elsewhere: set AUTH_JWT_SECRET yourself wherever real people are recorded.`,
  );
  return completed(read(path) ?? made);
}

// Derived, one way, from what every file has: two starts that complete one file at once write the same.
function completed(found: Found): LocalSecrets {
  const derived = (name: string, bytes: number) =>
    Buffer.from(hkdfSync('sha256', found.AUTH_JWT_SECRET, '', `rollcall ${name}`, bytes));
  return {
    LIVEKIT_API_KEY: `API${derived('LIVEKIT_API_KEY', 6).toString('hex')}`,
    // LiveKit wants 32 characters or more; these are 43.
    LIVEKIT_API_SECRET: derived('LIVEKIT_API_SECRET', 32).toString('base64url'),
    ...found,
  };
}

// Under its name it appears whole or not at all.
function writeBeside(path: string, secrets: LocalSecrets, put: (part: string, path: string) => void): void {
  const part = `${path}.${process.pid}`;
  writeFileSync(part, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
  try {
    put(part, path);
  } finally {
    rmSync(part, { force: true });
  }
}

// A link does not replace what another start made in the same moment.
function linkIfNew(part: string, path: string): void {
  try {
    linkSync(part, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function read(path: string): Found | undefined {
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
  return found as Found;
}

function parse(text: string): Partial<LocalSecrets> | undefined {
  try {
    return JSON.parse(text) as Partial<LocalSecrets>;
  } catch {
    return undefined;
  }
}

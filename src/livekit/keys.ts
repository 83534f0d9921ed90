/** LiveKit as it is configured: where it is, and which keys may sign. */
import { TENANT_NAME } from '../tenant-name.ts';

export interface LiveKitKey {
  apiKey: string;
  secret: string;
  /** The key is one tenant's own: it opens the rooms of no other. */
  tenantId: string | null;
}

export interface LiveKitSettings {
  url: string;
  /** Signs our calls and everybody's tokens: for all tenants, unless all keys are one tenant's own. */
  key: LiveKitKey;
  /** Each of them may sign a webhook; more than one while rotating. */
  keys: LiveKitKey[];
}

interface Variables {
  readonly LIVEKIT_URL?: string | undefined;
  readonly LIVEKIT_API_KEY?: string | undefined;
  readonly LIVEKIT_API_SECRET?: string | undefined;
  readonly LIVEKIT_KEYS?: string | undefined;
}

const FORM = 'expected key:secret or key:secret:tenant, several separated by commas';

/** The keys in their order, and what is wrong with them; no message repeats a secret. */
export function readLiveKitKeys(given: Variables): { keys: LiveKitKey[]; wrong: string[] } {
  const keys: LiveKitKey[] = [];
  const wrong: string[] = [];
  const { LIVEKIT_API_KEY: apiKey, LIVEKIT_API_SECRET: secret } = given;
  if (apiKey !== undefined && secret !== undefined) keys.push({ apiKey, secret, tenantId: null });
  for (const [index, entry] of (given.LIVEKIT_KEYS ?? '').split(',').entries()) {
    if (entry.trim() === '') continue;
    const [name, value, tenantId, ...rest] = entry.trim().split(':');
    if (!name || !value || rest.length > 0) wrong.push(`entry ${index + 1}: ${FORM}`);
    else if (tenantId !== undefined && !TENANT_NAME.test(tenantId)) {
      wrong.push(
        `entry ${index + 1}: "${tenantId}" is not the name of a tenant (1 to 63 of a-z, 0-9, - and _)`,
      );
    } else {
      const known = keys.find((one) => one.apiKey === name);
      if (known === undefined) keys.push({ apiKey: name, secret: value, tenantId: tenantId ?? null });
      else if (known.secret !== value)
        wrong.push(`entry ${index + 1}: ${name} is given twice, with two secrets`);
      else known.tenantId ??= tenantId ?? null;
    }
  }
  const tenants = [...new Set(keys.map(({ tenantId }) => tenantId))];
  if (wrong.length === 0 && tenants.length > 1 && !tenants.includes(null)) {
    wrong.push(
      `each key is one tenant's own (${tenants.join(', ')}), and none may sign for all: expected a key without a tenant too, key:secret`,
    );
  }
  return { keys, wrong };
}

/** Null: LiveKit is off. */
export function livekitSettings(given: Variables): LiveKitSettings | null {
  const { keys } = readLiveKitKeys(given);
  // A tenant's own key signs for nobody else; where there is no other, there is no other tenant on LiveKit either.
  const key = keys.find(({ tenantId }) => tenantId === null) ?? keys[0];
  return given.LIVEKIT_URL === undefined || key === undefined ? null : { url: given.LIVEKIT_URL, key, keys };
}

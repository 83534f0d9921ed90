import { livekitCheck } from '../config-checks.ts';
import { type LiveKitSettings, livekitSettings } from '../livekit/keys.ts';
import { readAddresses } from '../local/addresses.ts';
import { localSecrets } from '../local/secrets.ts';
import { dataDir } from './data-dir.ts';

/** LiveKit by the environment, else that of the local mode that runs. Throws when there is none. */
export function livekitAtHand(env: NodeJS.ProcessEnv): LiveKitSettings {
  const variables = Object.entries(env).filter((entry): entry is [string, string] => !!entry[1]);
  const given = withLocal(Object.fromEntries(variables));
  if (given.LIVEKIT_URL === undefined) {
    throw new Error(
      'there is no LiveKit: set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET, or start local mode first (npm start).',
    );
  }
  const wrong = livekitCheck(given).map(({ name, message }) => `${name}: ${message}`);
  const settings = livekitSettings(given);
  if (wrong.length > 0 || settings === null) throw new Error(wrong.join('; '));
  return settings;
}

/** Local mode signs with the key of the environment where it is given one, else with its own. */
function withLocal(given: Record<string, string>): Record<string, string> {
  const livekitUrl = given.LIVEKIT_URL ? undefined : readAddresses(dataDir(given))?.livekitUrl;
  if (livekitUrl === undefined) return given;
  const { LIVEKIT_API_KEY, LIVEKIT_API_SECRET } = localSecrets({ dataDir: dataDir(given), report: () => {} });
  const isGiven = given.LIVEKIT_API_KEY && given.LIVEKIT_API_SECRET;
  return {
    ...given,
    LIVEKIT_URL: livekitUrl,
    ...(isGiven ? {} : { LIVEKIT_API_KEY, LIVEKIT_API_SECRET }),
  };
}

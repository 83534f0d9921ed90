import { type Database, openDatabase } from '../db/client.ts';
import { readAddresses } from '../local/addresses.ts';
import { dataDir } from './data-dir.ts';
import { databaseUrl } from './database-url.ts';

/** The database of server and worker: by the environment, else of the local mode that runs. Connects when first asked. */
export function openTheDatabase(env: NodeJS.ProcessEnv, connections = 1): Database {
  const given = databaseUrl(env, 'DATABASE_SERVICE_URL') ?? databaseUrl(env, 'DATABASE_URL');
  const url = given ?? readAddresses(dataDir(env))?.databaseUrl;
  if (!url) throw new Error('there is no database: set DATABASE_URL, or start local mode first (npm start).');
  return openDatabase(url, 'rollcall-cli', connections);
}

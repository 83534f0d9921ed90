/** Counts what PostgreSQL is asked, by its own log: the one place that sees every statement of every process. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import postgres from 'postgres';

export interface StatementCount {
  /** Of all processes since the count began. */
  stop(): Promise<{ total: number; byProcess: Record<string, number> }>;
}

/** Only for the PostgreSQL of a bench: its settings and its log are changed. */
export async function countStatements(ownerUrl: string): Promise<StatementCount> {
  const sql = postgres(ownerUrl, { max: 1, connection: { application_name: 'bench' }, onnotice: () => {} });
  const set = async (setting: string): Promise<void> => {
    await sql.unsafe(`alter system set ${setting}`);
  };
  const [place] = await sql<{ data_directory: string }[]>`show data_directory`;
  const log = join(place?.data_directory ?? '', '..', '..', 'postgres.log');
  const { size: from } = await stat(log);
  await set(`log_line_prefix = 'asked by %a: '`);
  await set(`log_statement = 'all'`);
  await sql`select pg_reload_conf()`;
  return {
    async stop() {
      await set(`log_statement = 'none'`);
      await sql`select pg_reload_conf()`;
      await sql.end();
      const byProcess: Record<string, number> = {};
      for await (const line of createInterface({ input: createReadStream(log, { start: from }) })) {
        const name = /^asked by (.*?): LOG: {2}(?:execute|statement)/.exec(line)?.[1];
        if (name !== undefined && name !== 'bench') byProcess[name] = (byProcess[name] ?? 0) + 1;
      }
      return { total: Object.values(byProcess).reduce((sum, n) => sum + n, 0), byProcess };
    },
  };
}

/** What every team writes first: a route of Express that stores each request with one INSERT. The measure for ours. */
import express from 'express';
import postgres from 'postgres';

const [url = '', port = '0'] = process.argv.slice(2);
// As many connections as the server has.
const sql = postgres(url, { max: 20, onnotice: () => {} });
await sql`create table if not exists bare_deliveries (id text primary key, event text, body jsonb, at timestamptz default now())`;
const app = express();
app.disable('x-powered-by');
app.post('/webhooks/livekit', express.json({ type: '*/*' }), async (req, res) => {
  const { id, event } = req.body as { id: string; event: string };
  await sql`insert into bare_deliveries (id, event, body) values (${id}, ${event}, ${req.body})`;
  res.sendStatus(200);
});
const server = app.listen(Number(port), '127.0.0.1', () => process.stdout.write('bare route ready\n'));
process.once('SIGTERM', () => {
  server.closeAllConnections();
  server.close(() => void sql.end());
});

import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { type ClassRef, databaseUnavailable, inTenant } from '../db/client.ts';
import { stopSignals } from '../local/stop-signals.ts';
import { classId } from './class-id.ts';
import { lookAtClass } from './class-look.ts';
import { classScreen, type Screen } from './class-screen.ts';
import { openTheDatabase } from './open-database.ts';
import { schoolName } from './school.ts';
import type { Shell } from './shell.ts';
import { type Terminal, takeTerminal } from './terminal.ts';
import { whichTenant } from './which-tenant.ts';
import { createWorkflowLook } from './workflow-state.ts';

export function addDebug(program: Command, shell: Shell): void {
  program
    .command('debug')
    .description('show all about one class: its events, connections, sweeps, presence and workflow')
    .argument('<class>', 'id of the class', classId)
    .option('--watch', 'look again every second until Ctrl-C, cut to the terminal')
    .option(
      '--tenant <tenant>',
      'the school; needed when there are several that the login may not see',
      schoolName,
    )
    .option('--json', 'print one JSON object a look')
    .action((id: string, options: Options) => debug(shell, id, options));
}

interface Options {
  watch?: boolean;
  tenant?: string;
  json?: boolean;
}

const EVERY_MS = 1_000;

async function debug(shell: Shell, id: string, options: Options): Promise<void> {
  const db = openTheDatabase(shell.env);
  const workflows = await createWorkflowLook(shell.env);
  try {
    const tenantId = await whichTenant(db, { tenant: options.tenant, classId: id });
    const ref: ClassRef = { tenantId, classId: id };
    const look = async (): Promise<Screen> => {
      const seen = await inTenant(db, tenantId, (tx) => lookAtClass(tx, ref, Date.now()));
      return { ...seen, workflow: await workflows.of(ref) };
    };
    if (options.watch) await watch(look, shell.stdout, options.json === true);
    else shell.stdout.write(written(await look(), options.json === true));
  } finally {
    await workflows.close();
    await db.close();
  }
}

const written = (screen: Screen, json: boolean): string =>
  json ? `${JSON.stringify(screen)}\n` : `${classScreen(screen, null).join('\n')}\n`;

/** Where the output is no terminal, one look is written after the other. */
async function watch(look: () => Promise<Screen>, output: Shell['stdout'], json: boolean): Promise<void> {
  // A reader that goes away (`| head`) ends it as Ctrl-C does.
  const unread = new AbortController();
  output.on('error', () => unread.abort());
  const signal = AbortSignal.any([stopSignals(), unread.signal]);
  const terminal = json || !output.isTTY ? null : takeTerminal(output);
  try {
    while (!signal.aborted) {
      await show(look, terminal, json);
      await sleep(EVERY_MS, undefined, { signal }).catch(() => {});
    }
  } finally {
    terminal?.release();
  }
}

async function show(look: () => Promise<Screen>, terminal: Terminal | null, json: boolean): Promise<void> {
  try {
    const screen = await look();
    if (terminal === null) process.stdout.write(written(screen, json));
    else terminal.draw((size) => classScreen(screen, size));
  } catch (error) {
    // Whoever watches wants to see it come back.
    const away = databaseUnavailable(error);
    if (terminal === null || away === null) throw error;
    terminal.draw(() => [`${away.message}; trying again`]);
  }
}

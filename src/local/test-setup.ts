/** Before any test: a real PostgreSQL with a migrated template database, and a real Temporal server, for the whole run. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import type { TestProject } from 'vitest/node';
import { ATTRIBUTE_TYPES } from '../../workflows/attribute-keys.ts';
import { migrate } from '../db/migrate.ts';
import { TEMPLATE } from '../db/test-database.ts';
import { findLivekit } from './find-livekit.ts';
import { findTemporal } from './find-temporal.ts';
import { startPostgres } from './postgres.ts';
import { plainReport } from './progress.ts';
import { startTemporal } from './temporal.ts';

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string;
    /** The login of server and worker, made once for all databases of the run. */
    postgresServiceUrl: string;
    temporalAddress: string;
    /** For the tests that start a LiveKit of their own. */
    livekitBinary: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'rollcall-test-'));
  const stops: (() => Promise<void>)[] = [() => rm(dataDir, { recursive: true, force: true })];
  const teardown = async () => {
    for (const stop of stops.toReversed()) await stop();
  };
  const programs = findPrograms();
  // PostgreSQL may fail before anybody waits for them.
  programs.catch(() => {});
  try {
    const server = await startPostgres({ dataDir, report: plainReport() });
    stops.push(() => server.stop());
    const owner = postgres(server.ownerUrl, { max: 1 });
    await owner`create database ${owner(TEMPLATE)}`;
    await owner.end();
    const template = Object.assign(new URL(server.ownerUrl), { pathname: `/${TEMPLATE}` }).href;
    await migrate(template, server.serviceUrl);
    project.provide('postgresUrl', server.ownerUrl);
    project.provide('postgresServiceUrl', server.serviceUrl);

    const { temporalBinary, livekitBinary } = await programs;
    project.provide('livekitBinary', livekitBinary);
    const temporal = await startTemporal({
      binary: temporalBinary,
      dataDir,
      headless: true,
      namespace: 'default',
      searchAttributes: ATTRIBUTE_TYPES,
      report: plainReport(),
    });
    stops.push(() => temporal.stop());
    project.provide('temporalAddress', temporal.address);
    return teardown;
  } catch (error) {
    await teardown();
    throw error;
  }
}

/** One after the other: each may have to be built, which takes all there is of the machine. */
async function findPrograms(): Promise<{ temporalBinary: string; livekitBinary: string }> {
  const temporalBinary = await findTemporal({ report: plainReport() });
  const livekitBinary = await findLivekit({ report: plainReport() });
  return { temporalBinary, livekitBinary };
}

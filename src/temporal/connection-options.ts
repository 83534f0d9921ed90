import { readFile } from 'node:fs/promises';
import type { Config } from '../config.ts';

/** How to reach Temporal, for the client of the server and the connection of the worker alike. */
export async function temporalOptions(config: Config) {
  const read = async (path: string | undefined): Promise<Buffer | undefined> =>
    path === undefined ? undefined : await readFile(path);
  const crt = await read(config.TEMPORAL_TLS_CERT);
  const key = await read(config.TEMPORAL_TLS_KEY);
  const serverRootCACertificate = await read(config.TEMPORAL_TLS_CA);
  const clientCertPair = crt && key ? { crt, key } : undefined;
  const apiKey = config.TEMPORAL_API_KEY;
  const secured =
    clientCertPair !== undefined || serverRootCACertificate !== undefined || apiKey !== undefined;
  return {
    address: config.TEMPORAL_ADDRESS,
    namespace: config.TEMPORAL_NAMESPACE,
    ...(secured && {
      tls: {
        ...(clientCertPair && { clientCertPair }),
        ...(serverRootCACertificate && { serverRootCACertificate }),
      },
    }),
    ...(apiKey !== undefined && { apiKey }),
  };
}

import { networkInterfaces } from 'node:os';

export interface LiveKitConfig {
  readonly port: number;
  readonly udpPort: number;
  readonly apiKey: string;
  /** At least 32 characters. */
  readonly apiSecret: string;
  /** A second key, with which a start asks whether its own server answers. */
  readonly probe: { readonly key: string; readonly secret: string };
  /** Every event of every room is sent to each of them, signed with `apiKey`. */
  readonly webhookUrls: readonly string[];
  /** For rooms that are created without saying it themselves. */
  readonly room?:
    | {
        /** Closed when nobody came in so long; 60 when left out. */
        readonly emptyTimeoutSeconds?: number;
        /** Closed so long after the last one left; 5 when left out. */
        readonly departureTimeoutSeconds?: number;
      }
    | undefined;
}

/** The configuration file of a LiveKit that only this machine can reach, in JSON, which is YAML too. */
export function livekitConfig(config: LiveKitConfig): string {
  const { apiKey, probe, room } = config;
  const text = {
    port: config.port,
    bind_addresses: ['127.0.0.1'],
    keys: { [apiKey]: config.apiSecret, [probe.key]: probe.secret },
    logging: { level: 'warn' },
    rtc: {
      node_ip: '127.0.0.1',
      use_external_ip: false,
      udp_port: config.udpPort,
      // LiveKit 1.13 opens it on every interface, whatever is written here; on the loopback UDP always gets through.
      tcp_port: 0,
      enable_loopback_candidate: true,
      interfaces: { includes: loopbackInterfaces() },
    },
    room: {
      empty_timeout: room?.emptyTimeoutSeconds ?? 60,
      departure_timeout: room?.departureTimeoutSeconds ?? 5,
    },
    webhook: { api_key: apiKey, urls: config.webhookUrls },
  };
  return `${JSON.stringify(text, null, 2)}\n`;
}

/** `lo` on Linux, `lo0` on a Mac. */
const loopbackInterfaces = (): string[] =>
  Object.entries(networkInterfaces())
    .filter(([, addresses]) => addresses?.some(({ internal }) => internal))
    .map(([name]) => name);

/** Prometheus figures of one process. Labels never name a tenant or a person. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export interface Metrics {
  registry: Registry;
  httpSeconds: Histogram<'method' | 'route' | 'status'>;
  webhookSeconds: Histogram<'outcome'>;
  unownedDeliveries: Counter;
  databaseFailures: Counter;
  temporalFailures: Counter<'call'>;
  eventsAccepted: Counter;
  eventsRejected: Counter;
  whiteboardConnections: Gauge;
  liveWatchers: Gauge;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    httpSeconds: new Histogram({
      name: 'rollcall_http_request_seconds',
      help: 'Time to answer, by route as it is documented',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15],
      registers,
    }),
    webhookSeconds: new Histogram({
      name: 'rollcall_webhook_seconds',
      help: 'Time to verify, commit and acknowledge a delivery of LiveKit, by what became of it',
      labelNames: ['outcome'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
      registers,
    }),
    unownedDeliveries: new Counter({
      name: 'rollcall_unowned_deliveries_total',
      help: 'Signed deliveries of LiveKit that belong to nobody; `rollcall set-aside` lists them',
      registers,
    }),
    databaseFailures: new Counter({
      name: 'rollcall_database_failures_total',
      help: 'Requests answered with 503 because the database could not be reached',
      registers,
    }),
    temporalFailures: new Counter({
      name: 'rollcall_temporal_failures_total',
      help: 'Starts, rings and fetches that Temporal did not take; the sweeper makes up for them',
      labelNames: ['call'],
      registers,
    }),
    eventsAccepted: new Counter({
      name: 'rollcall_imported_events_total',
      help: 'Events of other sources appended to the log',
      registers,
    }),
    eventsRejected: new Counter({
      name: 'rollcall_rejected_events_total',
      help: 'Events of other sources that an import refused',
      registers,
    }),
    whiteboardConnections: new Gauge({
      name: 'rollcall_whiteboard_connections',
      help: 'Connections to whiteboards that this server keeps',
      registers,
    }),
    liveWatchers: new Gauge({
      name: 'rollcall_live_watchers',
      help: 'Streams of live rolls that this server keeps',
      registers,
    }),
  };
}

/** The only entry of the workflow bundle. */
export { classSession } from './class-session.ts';
export { deliverWebhook } from './deliver-webhook.ts';
export { fetchNow } from './fetch-now.ts';

/** The only entry of the workflow bundle. */
export { classSession } from './class-session.ts';
export { fetchNow } from './fetch-now.ts';

const BASE = 'https://www.googleapis.com/auth/';

/** What Rollcall asks of a domain, each scope with the work that needs it. */
const SPACE_CREATED = `${BASE}meetings.space.created`;
const SPACE_READONLY = `${BASE}meetings.space.readonly`;
export const DIRECTORY_READONLY = `${BASE}admin.directory.user.readonly`;

/** Asked for together. The directory stands apart, so that a domain that does not grant it can still use Meet. */
export const MEET_SCOPES: readonly string[] = [SPACE_CREATED, SPACE_READONLY];
export const DIRECTORY_SCOPES: readonly string[] = [DIRECTORY_READONLY];
export const ALL_SCOPES: readonly string[] = [...MEET_SCOPES, ...DIRECTORY_SCOPES];

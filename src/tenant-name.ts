/** What a school may be called: it becomes part of workflow ids and room names. */
export const TENANT_NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

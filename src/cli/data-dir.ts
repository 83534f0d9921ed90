/** Where local mode keeps its databases and secrets: `ROLLCALL_DATA_DIR`, else `.rollcall` where it was started. */
export const dataDir = (env: NodeJS.ProcessEnv): string => env.ROLLCALL_DATA_DIR || '.rollcall';

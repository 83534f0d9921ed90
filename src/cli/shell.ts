/** What a command has of the process that runs it. Tests run commands in their own process, with another one of these. */
export interface Shell {
  readonly env: NodeJS.ProcessEnv;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Set by a command whose failure is no exception; else `run` sets it. */
  exitCode?: NodeJS.Process['exitCode'];
}

type Output = NodeJS.WritableStream & Partial<Pick<NodeJS.WriteStream, 'isTTY' | 'rows' | 'columns'>>;

/** The command was given something that it cannot mean: exit status 2. The message says what it would have taken. */
export class WrongUsage extends Error {
  readonly code = 'wrong_usage';
}

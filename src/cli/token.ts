import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { SignJWT } from 'jose';
import { ROLES, SUBJECT } from '../http/authentication.ts';
import { localSecrets } from '../local/secrets.ts';
import { dataDir } from './data-dir.ts';
import { schoolName } from './school.ts';
import type { Shell } from './shell.ts';

export function addToken(program: Command, shell: Shell): void {
  program
    .command('token')
    .description('make an access token for local mode')
    .requiredOption('--tenant <tenant>', 'the school', schoolName)
    .addOption(new Option('--role <role>', 'what the holder may do').choices(ROLES).makeOptionMandatory())
    .option('--sub <sub>', 'person id or e-mail of the holder', subject, 'local')
    .option('--json', 'print the token as JSON')
    .action(async (options: { tenant: string; role: string; sub: string; json?: boolean }) => {
      const secret =
        shell.env.AUTH_JWT_SECRET ||
        localSecrets({ dataDir: dataDir(shell.env), report: () => {} }).AUTH_JWT_SECRET;
      const token = await signToken(secret, options);
      shell.stdout.write(options.json ? `${JSON.stringify({ token })}\n` : `${token}\n`);
    });
}

function subject(text: string): string {
  if (SUBJECT.test(text)) return text;
  throw new InvalidArgumentError('expected a person id or an e-mail address, without spaces.');
}

/** A token as a school's own issuer would sign it, valid for a day. */
export async function signToken(
  secret: string,
  { tenant, role, sub }: { tenant: string; role: string; sub: string },
): Promise<string> {
  return await new SignJWT({ tenant, role })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setIssuedAt()
    .setExpirationTime('24h')
    .sign(new TextEncoder().encode(secret));
}

import { ServerError } from 'livekit-server-sdk';
import { LiveKitFault } from './fault.ts';

/** What was attempted, for the message. */
export interface Attempt {
  /** In words: `list who is in the room x`. */
  doing: string;
  url: string;
  timeoutMs: number;
}

/** Turns whatever a call to LiveKit threw into our own error. */
export function readFault(error: unknown, { doing, url, timeoutMs }: Attempt): LiveKitFault {
  if (error instanceof LiveKitFault) return error;
  // Its message may repeat the token that we sent, so it is told cleaned, and not kept as the cause.
  if (error instanceof ServerError) return refusal(error, doing, url);
  if (error instanceof Error && error.name === 'TimeoutError') {
    return new LiveKitFault('timeout', 'retry', `${doing}: no answer within ${timeoutMs} ms`, {
      cause: error,
    });
  }
  // What fetch throws when it cannot connect or the answer breaks off; the cause says why.
  if (error instanceof TypeError && error.cause instanceof Error) {
    const what = `${doing}: cannot reach LiveKit at ${url} (${networkCodeOf(error.cause)})`;
    return new LiveKitFault('unavailable', 'retry', what, { cause: error });
  }
  const said = error instanceof Error ? error.message : String(error);
  return new LiveKitFault(
    'bad_answer',
    'retry',
    `${doing}: ${url} answers what LiveKit would not (${said})`,
    {
      cause: error,
    },
  );
}

/** By the status and, where it says more, the code of Twirp, LiveKit's protocol (https://twitchtv.github.io/twirp). */
function refusal({ status, code, message, metadata }: ServerError, doing: string, url: string): LiveKitFault {
  const said = `${status}${code === undefined ? '' : ` ${code}`}: ${withoutToken(message)}`;
  switch (status) {
    case 401:
    case 403:
      return new LiveKitFault('unauthenticated', 'never', `${doing}: ${url} refuses our key (${said})`, {
        cure: 'set LIVEKIT_API_KEY and LIVEKIT_API_SECRET to a key of that server and its secret, and the clocks of both machines right',
      });
    case 404:
      if (code === 'not_found')
        return new LiveKitFault('not_found', 'never', `${doing}: not found (${said})`);
      return new LiveKitFault('bad_answer', 'never', `${doing}: there is no LiveKit at ${url} (${said})`, {
        cure: 'set LIVEKIT_URL to the address of the LiveKit server',
      });
    case 429: {
      const retryAfterMs = waitOf(metadata?.retry_after);
      const kind = retryAfterMs === undefined ? 'retry' : 'retry_after';
      return new LiveKitFault('rate_limited', kind, `${doing}: too many calls (${said})`, { retryAfterMs });
    }
    default:
      return status >= 500 || status === 408
        ? new LiveKitFault('unavailable', 'retry', `${doing}: LiveKit failed (${said})`)
        : new LiveKitFault('bad_request', 'never', `${doing}: refused (${said})`);
  }
}

/** LiveKit 1.13 repeats a token that it cannot verify (`pkg/service/auth.go`). A page of HTML helps nobody. */
const withoutToken = (message: string): string =>
  message.replaceAll(/eyJ[\w-]*(\.[\w-]*)*/g, '<token>').slice(0, 200);

/** The SDK hides the headers of an answer. Seconds, as Twirp's own example writes them: `15s`. */
function waitOf(retryAfter: string | undefined): number | undefined {
  const seconds = /^(\d+)s?$/.exec(retryAfter ?? '')?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1_000;
}

const networkCodeOf = (cause: Error): string =>
  'code' in cause && cause.code !== undefined ? String(cause.code) : cause.message;

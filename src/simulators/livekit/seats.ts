import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { parseReport, type Report } from './participant-lines.ts';

/** What is known here of one participant in its own process. */
export interface Seat {
  /** Its sid, or why it was not let in. */
  readonly joined: PromiseWithResolvers<string>;
  readonly closed: PromiseWithResolvers<{ readonly reason: string }>;
}

const KEPT_LINES = 15;

export function openSeat(): Seat {
  const joined = Promise.withResolvers<string>();
  // Nobody may be waiting any more when it fails: another one failed before.
  joined.promise.catch(() => {});
  return { joined, closed: Promise.withResolvers() };
}

/** Settles the seats, by identity, with what the process reports and with its end. */
export function watchSeats(
  child: ChildProcess & { readonly stdout: Readable; readonly stderr: Readable },
  seats: ReadonlyMap<string, Seat>,
): { readonly ended: Promise<string>; hasEnded(): boolean } {
  const otherLines: string[] = [];
  let how: string | undefined;
  const ended = Promise.withResolvers<string>();
  const end = (reason: string) => {
    how ??= reason;
    ended.resolve(how);
    const said = otherLines.map((line) => `\n${line}`).join('');
    for (const seat of seats.values()) {
      seat.joined.reject(new Error(`The process of the participants ended with ${how}.${said}`));
      seat.closed.resolve({ reason: how });
    }
  };
  for (const output of [child.stdout, child.stderr]) {
    createInterface({ input: output }).on('line', (line) => {
      const report = parseReport(line);
      if (report !== undefined) settle(seats.get(report.identity), report);
      else if (otherLines.push(line) > KEPT_LINES) otherLines.shift();
    });
  }
  // It may end in the middle of an order.
  child.stdin?.on('error', () => {});
  // Not `exit`: what it wrote last is still to be read then.
  child.once('close', (status, signal) => end(signal ?? `status ${status}`));
  child.once('error', (error) => end(error.message));
  return { ended: ended.promise, hasEnded: () => how !== undefined };
}

function settle(seat: Seat | undefined, report: Report): void {
  switch (report.kind) {
    case 'joined':
      seat?.joined.resolve(report.sid);
      break;
    case 'left':
      seat?.closed.resolve({ reason: 'CLIENT_INITIATED' });
      break;
    case 'disconnected':
      seat?.closed.resolve({ reason: report.reason });
      break;
    case 'failed':
      seat?.joined.reject(new Error(`LiveKit did not let "${report.identity}" in: ${report.reason}`));
      seat?.closed.resolve({ reason: report.reason });
      break;
    default:
      report satisfies never;
  }
}

import { stripVTControlCharacters } from 'node:util';

/** What set-up says while it works; who calls it chooses how to show it. */
export type Progress =
  | { readonly kind: 'begin'; readonly step: string; readonly detail?: string }
  | { readonly kind: 'advance'; readonly step: string; readonly detail: string }
  | { readonly kind: 'end'; readonly step: string; readonly detail?: string }
  | { readonly kind: 'failed'; readonly step: string; readonly detail: string }
  | { readonly kind: 'notice'; readonly text: string };

export type Report = (progress: Progress) => void;

interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

// A log that is read afterwards wants a sign of life, not a line for each package.
const PLAIN_EVERY_MS = 10_000;
const REDRAW_EVERY_MS = 200;

/**
 * Shows progress on `output`: on a terminal one line that changes, elsewhere lines that stay. Says nothing while
 * there is nothing to do. The progress line stops moving when its step ends or fails.
 */
export function showProgress(output: Output = process.stderr): Report {
  return output.isTTY && process.env.CI === undefined ? terminalReport(output) : plainReport(output);
}

export function plainReport(output: Output = process.stderr, now: () => number = Date.now): Report {
  const steps = new Map<string, { since: number; shown: number }>();
  return (progress) => {
    if (progress.kind === 'notice') return void output.write(`${progress.text}\n`);
    const { kind, step } = progress;
    const state = steps.get(step) ?? { since: now(), shown: now() };
    const elapsed = seconds(now() - state.since);
    switch (kind) {
      case 'begin':
        steps.set(step, state);
        output.write(`${step}${suffix(progress.detail)} …\n`);
        return;
      case 'advance':
        if (now() - state.shown < PLAIN_EVERY_MS) return;
        state.shown = now();
        output.write(`${step}: ${clean(progress.detail)} (${elapsed})\n`);
        return;
      case 'end':
        steps.delete(step);
        output.write(`${step}: done in ${elapsed}${suffix(progress.detail)}\n`);
        return;
      case 'failed':
        steps.delete(step);
        output.write(`${step}: failed after ${elapsed}: ${progress.detail}\n`);
        return;
      default:
        kind satisfies never;
    }
  };
}

function terminalReport(output: Output, now: () => number = Date.now): Report {
  const current = { step: '', detail: '', since: 0 };
  let timer: NodeJS.Timeout | undefined;
  const draw = () => {
    const line = `${current.step} ${seconds(now() - current.since)}${suffix(clean(current.detail))}`;
    output.write(`\r\u001b[2K${line.slice(0, (output.columns ?? 80) - 1)}`);
  };
  const erase = () => {
    clearInterval(timer);
    if (timer !== undefined) output.write('\r\u001b[2K');
    timer = undefined;
  };
  const plain = plainReport(output, now);
  return (progress) => {
    const wasDrawing = timer !== undefined;
    if (progress.kind === 'advance') {
      current.detail = progress.detail;
      return;
    }
    erase();
    plain(progress);
    if (progress.kind === 'begin') Object.assign(current, { step: progress.step, detail: '', since: now() });
    if (progress.kind === 'begin' || (progress.kind === 'notice' && wasDrawing)) {
      timer = setInterval(draw, REDRAW_EVERY_MS).unref();
    }
  };
}

function suffix(detail: string | undefined): string {
  return detail === undefined || detail === '' ? '' : `, ${detail}`;
}

// Tools colour their output, and one control character would move the cursor off our line.
function clean(text: string): string {
  return stripVTControlCharacters(text).trim();
}

function seconds(elapsedMs: number): string {
  const whole = Math.round(elapsedMs / 1000);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

import type { Size } from './fit-screen.ts';

export interface Terminal {
  /** Draws over what was there; the lines must fit. */
  draw(linesFor: (size: Size) => string[]): void;
  /** Leaves the last picture on it. */
  release(): void;
}

/** Rows and columns are 0 or missing where nobody knows them. */
interface Output extends Partial<Size> {
  write(text: string): unknown;
}

const CLEAR = '\u001b[2J';
const HOME = '\u001b[H';
const TO_END_OF_LINE = '\u001b[K';
const TO_END_OF_SCREEN = '\u001b[J';
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
/** A letter that is wider than it counts is cut at the edge instead of pushing everything down a line. */
const NO_WRAP = '\u001b[?7l';
const WRAP = '\u001b[?7h';

/** A terminal that is drawn on again and again, without flickering and without scrolling. */
export function takeTerminal(output: Output): Terminal {
  output.write(`${HIDE_CURSOR}${NO_WRAP}${CLEAR}`);
  return {
    draw(linesFor) {
      const lines = linesFor({ rows: output.rows || 24, columns: output.columns || 80 });
      output.write(`${HOME}${lines.map((line) => `${line}${TO_END_OF_LINE}\n`).join('')}${TO_END_OF_SCREEN}`);
    },
    release: () => void output.write(`${WRAP}${SHOW_CURSOR}`),
  };
}

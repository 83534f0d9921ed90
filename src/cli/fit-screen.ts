/** Lines that are cut to a terminal, so that nothing scrolls away. */
import { printable } from './printable.ts';

/** Of a terminal. */
export interface Size {
  rows: number;
  columns: number;
}

export interface Section {
  title: string;
  lines: string[];
  /** Where there is no room for all: who is who at the top, what happened last at the bottom. */
  keep: 'first' | 'last';
}

/**
 * @param head shown in any case; where there is no room, its beginning
 * @param size null: nothing is cut
 */
export function fitScreen(head: readonly string[], all: readonly Section[], size: Size | null): string[] {
  const sections = all.filter(({ lines }) => lines.length > 0);
  // One line is left for the cursor.
  const rows = size === null ? Number.POSITIVE_INFINITY : size.rows - 1;
  const shares = fairShares(
    sections.map(({ lines }) => lines.length),
    rows - head.length - sections.length,
  );
  const lines = [...head, ...sections.flatMap((section, index) => cutTo(section, shares[index] ?? 0))];
  return size === null ? lines : lines.slice(0, Math.max(0, rows)).map((line) => cutLine(line, size.columns));
}

/** So many lines each that all together have at most `room`: the short ones leave theirs to the long ones. */
function fairShares(lengths: readonly number[], room: number): number[] {
  const shares = lengths.map(() => 0);
  let left = Math.min(
    room,
    lengths.reduce((sum, length) => sum + length, 0),
  );
  while (left > 0) {
    for (const [index, length] of lengths.entries()) {
      const share = shares[index] ?? 0;
      if (share >= length || left === 0) continue;
      shares[index] = share + 1;
      left--;
    }
  }
  return shares;
}

function cutTo({ title, lines, keep }: Section, most: number): string[] {
  if (lines.length <= most) return [title, ...lines];
  const kept = keep === 'first' ? lines.slice(0, most) : lines.slice(lines.length - most);
  return [`${title} (${keep} ${most} of ${lines.length})`, ...kept];
}

const cutLine = (line: string, columns: number): string => {
  const letters = [...line];
  return letters.length <= columns ? line : `${letters.slice(0, Math.max(0, columns - 1)).join('')}…`;
};

/** Cells under each other, indented; the last of a row is as long as it is. */
export function columns(rows: readonly string[][]): string[] {
  const cells = rows.map((row) => row.map(printable));
  const widths: number[] = [];
  for (const row of cells) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  }
  const last = widths.length - 1;
  return cells.map((row) => {
    const padded = row.map((cell, index) => (index === last ? cell : cell.padEnd(widths[index] ?? 0)));
    return `  ${padded.join('  ')}`.trimEnd();
  });
}

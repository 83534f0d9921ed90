/** Far longer than a delivery that is read at all, written as JSON within JSON. */
const MOST_LETTERS = 1024 * 1024;

/** The lines of a text of whatever length. Of a line that is too long for anything only the beginning is kept. */
export async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of chunks) {
    const lines = `${rest}${chunk}`.split('\n');
    rest = cut(lines.pop() ?? '');
    yield* lines.map(cut);
  }
  if (rest !== '') yield rest;
}

const cut = (line: string): string => line.slice(0, MOST_LETTERS);

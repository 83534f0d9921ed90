/** A filter of Google's list calls that this simulator cannot read; Google answers 400 INVALID_ARGUMENT. */
export class BadFilter extends Error {}

type FilterValue = string | number | null;
export type FilterRow = Record<string, FilterValue>;

const TERM = /^([a-z_.]+)\s*(?:IS\s+(NULL|NOT\s+NULL)|(!=|<=|>=|=|<|>)\s*"([^"]*)")$/;

/**
 * Reads the part of the filter language that Meet documents: comparisons and `IS NULL`, joined with `AND`.
 * @param filter for example `space.name = "spaces/x" AND start_time >= "2026-01-01T00:00:00Z"`; empty lets all pass
 * @param fields what may be filtered by; times are compared as milliseconds, everything else as text
 * @returns a test for one row, whose keys are the fields
 * @throws BadFilter for anything else, `OR` and camelCase names included, as Google does
 */
export function parseFilter(filter: string, fields: readonly string[]): (row: FilterRow) => boolean {
  if (filter.trim() === '') return () => true;
  const tests = filter.split(/\s+AND\s+/).map((term) => parseTerm(term.trim(), fields));
  return (row) => tests.every((test) => test(row));
}

function parseTerm(term: string, fields: readonly string[]): (row: FilterRow) => boolean {
  const match = TERM.exec(term);
  const field = match?.[1];
  if (!match || field === undefined) throw new BadFilter(`cannot read "${term}"`);
  if (!fields.includes(field)) {
    throw new BadFilter(`unknown field "${field}", expected one of ${fields.join(', ')}`);
  }
  const nullTest = match[2];
  if (nullTest !== undefined) return (row) => (row[field] === null) === (nullTest === 'NULL');
  const operand = field.endsWith('_time') ? Date.parse(match[4] ?? '') : (match[4] ?? '');
  if (Number.isNaN(operand)) throw new BadFilter(`"${match[4]}" is not a time`);
  return (row) => compare(row[field] ?? null, match[3] ?? '=', operand);
}

function compare(value: FilterValue, operator: string, operand: string | number): boolean {
  if (value === null) return false;
  switch (operator) {
    case '=':
      return value === operand;
    case '!=':
      return value !== operand;
    case '<':
      return value < operand;
    case '<=':
      return value <= operand;
    case '>':
      return value > operand;
    default:
      return value >= operand;
  }
}

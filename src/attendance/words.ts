/** How times and lengths are written in explanations: UTC, whole seconds, no locale. */

const DAY_MS = 86_400_000;

/** `HH:MM:SS`, with the day in front when it is another than that of `dayOfMs`. */
export function clock(ms: number, dayOfMs: number): string {
  const days = Math.floor(ms / DAY_MS);
  const seconds = Math.floor((ms - days * DAY_MS) / 1_000);
  const time = `${two(Math.floor(seconds / 3_600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return days === Math.floor(dayOfMs / DAY_MS) ? time : `${day(ms)} ${time}`;
}

/** `YYYY-MM-DD` */
export function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** `65 min 3 s`, `15 min`, `12 s`; milliseconds only where they are all that tells two lengths apart. */
export function length(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  const seconds = Math.floor(ms - minutes * 60_000) / 1_000;
  if (minutes === 0) return `${seconds} s`;
  return seconds === 0 ? `${minutes} min` : `${minutes} min ${seconds} s`;
}

/** The first few, and how many more there are. */
export function few(items: readonly string[], most: number): string {
  if (items.length <= most) return items.join(', ');
  return `${items.slice(0, most).join(', ')} and ${items.length - most} more`;
}

function two(value: number): string {
  return value < 10 ? `0${value}` : `${value}`;
}

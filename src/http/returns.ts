/**
 * Who is taken in while more comes than can be stored, and when whoever is refused shall come back. A refusal costs about a
 * quarter of what storing costs, and LiveKit gives a delivery up after its fifth try: the more are to come back, the later the
 * next one, and rooms that are being served shall not keep out those that come back.
 */

/** Seconds. LiveKit waits as long as it is told, so with one second it would have given up in four. */
const LEAST = 2;
/** What LiveKit has had behind another for longer it drops (MaxAge in its resource_url_notifier.go). */
export const LONGEST_RETURN = 30;
/** Seconds from the first to the last: whoever was refused together shall not come back together. */
const LEAST_SPREAD = 3;
/** Of what can be stored in a second: so many of those who wait come back in one, beside those who come for the first time. */
const SHARE = 1 / 10;
/** So many seconds are drawn, and that is taken in which the fewest come: of one draw every second would have its own crowd. */
const DRAWS = 4;
/** Of a second: whole seconds later it is the same one, so who is refused in one tick comes back in one. */
const TICKS = 10;
const PERIOD_MS = 1_000;
const SHORTEST_MEASURE_MS = 100;
/** After each period, of what could be stored: a period in which little came shows little. */
const KEPT = 0.8;
/** Of a server that has stored nothing yet, or whose database was away. */
const FEWEST_A_SECOND = 100;

/** So long, about, a delivery waits to be stored while others are refused: what waits longer is collected old, and the server grows. */
const LONGEST_WAIT_SECONDS = 0.05;
/** More than one commit takes. */
const FEWEST_PLACES = 150;
/** From this part of the places on some are refused, and before the last one so many of those who come. */
const EARLY_FROM = 0.6;
const MOST_EARLY = 0.3;

export interface Returns {
  /** One delivery was stored. */
  stored(): void;
  /** How many may wait now: `most`, unless some were refused lately. */
  places(most: number): number;
  /**
   * Whether one more may wait where `taken` do. While some are refused, it is a matter of luck already before the last place
   * (random early detection, Floyd and Jacobson 1993): who has just been answered sends the next one at once, and would take
   * the place again before anybody who has come back.
   */
  admits(taken: number, most: number): boolean;
  /** One is refused: in how many whole seconds it shall come back. */
  after(): number;
}

/**
 * @param now milliseconds of a clock that never goes back
 * @param random from 0 to below 1
 */
export function createReturns(now: () => number, random: () => number = Math.random): Returns {
  /** How many come back in a tick, by its number modulo the length. */
  const coming = new Uint32Array((LONGEST_RETURN + 1) * TICKS);
  /** How many are to come back, by the tick of a second. */
  const waiting = new Uint32Array(TICKS);
  const tickNow = (): number => Math.floor((now() / 1_000) * TICKS);
  let tick = tickNow();
  let period = { sinceMs: now(), stored: 0, refused: 0 };
  let refusedBefore = false;
  /** What can be stored in a second, as far as it has shown. */
  let rate = 0;

  const add = (at: number, count: number): void => {
    coming[at % coming.length] = (coming[at % coming.length] ?? 0) + count;
    waiting[at % TICKS] = (waiting[at % TICKS] ?? 0) + count;
  };
  const measured = (nowMs: number): number =>
    (period.stored * 1_000) / Math.max(SHORTEST_MEASURE_MS, nowMs - period.sinceMs);
  const goOn = (): void => {
    const nowMs = now();
    const periods = Math.floor((nowMs - period.sinceMs) / PERIOD_MS);
    if (periods > 0) {
      refusedBefore = periods === 1 && period.refused > 0;
      rate = Math.max(measured(nowMs), rate * KEPT ** periods);
      period = { sinceMs: nowMs, stored: 0, refused: 0 };
    }
    const current = tickNow();
    for (let past = Math.max(tick + 1, current - coming.length); past <= current; past++) {
      add(past, -(coming[past % coming.length] ?? 0));
    }
    tick = current;
  };

  const places = (most: number): number => {
    goOn();
    if (!refusedBefore) return most;
    return Math.min(most, Math.max(FEWEST_PLACES, rate * LONGEST_WAIT_SECONDS));
  };

  return {
    stored() {
      goOn();
      period.stored++;
    },
    places,
    admits(taken, most) {
      const all = places(most);
      const from = all * EARLY_FROM;
      if (!refusedBefore || taken < from || taken >= all) return taken < all;
      return random() >= MOST_EARLY * ((taken - from) / (all - from));
    },
    after() {
      goOn();
      // What can be stored in a second shows only once there is more.
      if (!refusedBefore && period.refused === 0) period = { sinceMs: now(), stored: 0, refused: 0 };
      period.refused++;
      const back = SHARE * (refusedBefore ? rate : Math.max(rate, measured(now())));
      const full = Math.floor(((waiting[tick % TICKS] ?? 0) * TICKS) / Math.max(FEWEST_A_SECOND, back));
      const spread = Math.min(LONGEST_RETURN - LEAST, Math.max(LEAST_SPREAD, full));
      let seconds = LEAST;
      let fewest = Number.POSITIVE_INFINITY;
      for (let n = 0; n < DRAWS; n++) {
        const drawn = LEAST + Math.floor(random() * (spread + 1));
        const alsoCome = coming[(tick + drawn * TICKS) % coming.length] ?? 0;
        if (alsoCome >= fewest) continue;
        fewest = alsoCome;
        seconds = drawn;
      }
      add(tick + seconds * TICKS, 1);
      return seconds;
    },
  };
}

/**
 * When whoever is refused shall come back, and how many may wait to be stored meanwhile. A refusal costs about a quarter of what
 * storing costs, and LiveKit gives a delivery up after its fifth try: the more are to come back, the later the next one.
 */

/** Seconds. LiveKit waits as long as it is told, so with one second it would have given up in four. */
const LEAST = 2;
/** What LiveKit has had behind another for longer it drops (MaxAge in its resource_url_notifier.go). */
export const LONGEST_RETURN = 30;
/** Seconds from the first to the last: whoever was refused together shall not come back together. */
const LEAST_SPREAD = 3;
/** Of what is stored in a second: so many of those who wait may come back in one, beside those who come for the first time. */
const SHARE = 1 / 4;
/** Of a server that has stored nothing yet, or whose database was away. */
const FEWEST_A_SECOND = 100;

/** So long, about, a delivery waits to be stored while others are refused: what waits longer is collected old, and the server grows. */
const LONGEST_WAIT_SECONDS = 0.05;
/** More than one commit takes. */
const FEWEST_PLACES = 150;

export interface Returns {
  /** One delivery was stored. */
  stored(): void;
  /** How many may wait now: `most`, unless some were refused in the second before this one. */
  places(most: number): number;
  /** One is refused: in how many whole seconds it shall come back. */
  after(): number;
}

/**
 * @param now milliseconds of a clock that never goes back
 * @param random from 0 to below 1
 */
export function createReturns(now: () => number, random: () => number = Math.random): Returns {
  /** How many come back in a second, by its number modulo the length. */
  const coming = new Uint32Array(LONGEST_RETURN + 1);
  const slotOf = (second: number): number => second % coming.length;
  let waiting = 0;
  let second = Math.floor(now() / 1_000);
  let storedNow = 0;
  let storedBefore = 0;
  let refusedNow = 0;
  let refusedBefore = 0;

  const goOn = (): void => {
    const current = Math.floor(now() / 1_000);
    if (current === second) return;
    const isNext = current === second + 1;
    storedBefore = isNext ? storedNow : 0;
    refusedBefore = isNext ? refusedNow : 0;
    storedNow = 0;
    refusedNow = 0;
    for (let past = Math.max(second + 1, current - LONGEST_RETURN); past <= current; past++) {
      waiting -= coming[slotOf(past)] ?? 0;
      coming[slotOf(past)] = 0;
    }
    second = current;
  };

  return {
    stored() {
      goOn();
      storedNow++;
    },
    places(most) {
      goOn();
      if (refusedBefore === 0) return most;
      return Math.min(most, Math.max(FEWEST_PLACES, storedBefore * LONGEST_WAIT_SECONDS));
    },
    after() {
      goOn();
      refusedNow++;
      const aSecond = Math.max(FEWEST_A_SECOND, storedBefore * SHARE);
      // Of those who wait for `mean` seconds one in `mean` comes back in each.
      const mean = waiting / aSecond;
      const spread = Math.min(LONGEST_RETURN - LEAST, Math.max(LEAST_SPREAD, 2 * (mean - LEAST)));
      const seconds = LEAST + Math.floor(random() * (spread + 1));
      const slot = slotOf(second + seconds);
      coming[slot] = (coming[slot] ?? 0) + 1;
      waiting++;
      return seconds;
    },
  };
}

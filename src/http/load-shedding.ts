/**
 * Who is taken in while more comes than can be stored, and when whoever is refused shall come back. A refusal costs the
 * server about half of what storing costs it, and LiveKit gives a delivery up after its fifth try: so the more are to come back,
 * the later the next one, and as many come back in each moment as in any other; only of a new crowd more at first.
 */

/** Seconds. LiveKit waits as long as it is told, so with one second it would have given up in four. */
const LEAST = 2;
/**
 * Seconds. What a room has had behind its delivery for more than thirty LiveKit drops (MaxAge in its resource_url_notifier.go), so somebody
 * waits for longer only of a crowd of more than 19,600 rooms, or where more than 1,960 are refused in one moment (TICKS).
 */
export const LONGEST_RETURN = 60;
/** Seconds from the first to the last: whoever was refused together shall not come back together. */
const LEAST_SPREAD = 3;
/** A twentieth of what two cores store beside PostgreSQL, and of a server that is slower so much more. */
const BACK_A_SECOND = 700;
/** Of a second. Retry-After is in whole seconds: who is refused in one tick comes back in the same tick of another second. */
const TICKS = 10;

/**
 * Seconds. The first of a crowd who come back have little behind the delivery that was refused, and it takes more of them to
 * keep the server at work. Of five times what can be stored one of 58 comes back in a second, and has enough after twelve.
 */
const SCARCE = 12;

/** From this part of the places on luck refuses some, and of those who come for the last place so many. */
const EARLY_FROM = 0.6;
const MOST_EARLY = 0.3;
/** Of the places: when no more are taken, whatever there was too much of has been stored. */
const RELIEVED = 0.1;

export interface LoadShedding {
  /**
   * Whether one more may wait where `taken` of `most` places are taken. From when all were until hardly any is, it is a matter
   * of luck already before the last place (random early detection, Floyd and Jacobson 1993): who has just been answered sends
   * the next one at once, and would take the place again before anybody who has come back.
   */
  admits(taken: number, most: number): boolean;
  /** One is refused: in how many whole seconds it shall come back. */
  retryAfter(): number;
}

/**
 * @param now milliseconds of a clock that never goes back
 * @param random from 0 to below 1
 */
export function createLoadShedding(now: () => number, random: () => number = Math.random): LoadShedding {
  let overloaded = false;
  /** How many come back in a tick, by its number modulo the length. */
  const coming = new Uint32Array((LONGEST_RETURN + 1) * TICKS);
  /** How many are to come back, by the tick of a second. */
  const waiting = new Uint32Array(TICKS);
  const tickNow = (): number => Math.floor((now() / 1_000) * TICKS);
  let tick = tickNow();
  /** How many are to come back at all, and the last tick in which that was no crowd. */
  let away = 0;
  let crowdSince = tick;

  const add = (at: number, count: number): void => {
    coming[at % coming.length] = (coming[at % coming.length] ?? 0) + count;
    waiting[at % TICKS] = (waiting[at % TICKS] ?? 0) + count;
    away += count;
  };
  /** How many come back then, of how many should. */
  const fullness = (seconds: number): number => {
    const at = tick + seconds * TICKS;
    return (coming[at % coming.length] ?? 0) * Math.min(1, (at - crowdSince) / (SCARCE * TICKS));
  };
  const goOn = (): void => {
    const current = tickNow();
    for (let past = Math.max(tick + 1, current - coming.length); past <= current; past++) {
      add(past, -(coming[past % coming.length] ?? 0));
    }
    tick = current;
  };

  return {
    admits(taken, most) {
      if (taken >= most) overloaded = true;
      else if (taken <= most * RELIEVED) overloaded = false;
      const from = most * EARLY_FROM;
      if (!overloaded || taken < from || taken >= most) return taken < most;
      return random() >= MOST_EARLY * ((taken - from) / (most - from));
    },
    retryAfter() {
      goOn();
      if (away < BACK_A_SECOND) crowdSince = tick;
      const full = Math.floor((waiting[tick % TICKS] ?? 0) / (BACK_A_SECOND / TICKS));
      const spread = Math.min(LONGEST_RETURN - LEAST, Math.max(LEAST_SPREAD, full));
      let seconds = LEAST;
      for (let later = LEAST + 1; later <= LEAST + spread; later++) {
        if (fullness(later) < fullness(seconds)) seconds = later;
      }
      add(tick + seconds * TICKS, 1);
      return seconds;
    },
  };
}

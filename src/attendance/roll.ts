import { activityOf, hadHeartbeat } from './activity.ts';
import { completeness } from './completeness.ts';
import { type Connection, connections } from './connections.ts';
import { countingWindow, joinWindow } from './counting-window.ts';
import type { Completeness } from './evidence.ts';
import type { ClassFacts, Moment, RosterEntry } from './facts.ts';
import { type Interval, total } from './intervals.ts';
import { latenessMs } from './measures.ts';
import { countingSources, type Presence, presenceOf } from './presence.ts';
import type { Stay } from './record.ts';
import type { Figures } from './status.ts';
import { type Stretch, staysOf, stretchesOf } from './stays.ts';
import { mayHaveBeenThere } from './unknown.ts';
import type { Guest } from './who.ts';

/** Somebody on the roster with what the evidence shows of them. */
export interface RosterPerson extends RosterEntry {
  /** Connections that give presence. */
  counting: Connection[];
  /** Those that do not, but whose heartbeats may count. */
  supporting: Connection[];
  presence: Presence;
  activity: Interval[];
  figures: Figures;
  stretches: Stretch[];
  stays: Stay[];
}

/** A class as the rules see it: the evidence worked into connections and sorted by whose they are. */
export interface Roll {
  facts: ClassFacts;
  moment: Moment;
  window: Interval;
  joinWindow: Interval;
  /** `[S, E)` */
  lesson: Interval;
  completeness: Completeness;
  hadHeartbeat: boolean;
  /** An unmatched human with at least the minimum in the counting window waits in the review queue. */
  unmatchedWaits: boolean;
  people: RosterPerson[];
  /** Of those in the call who are not on the roster: persons of the tenant, and identities without one. */
  guestStays: Stay[];
}

/** Reads the evidence of a class once, for everybody in it. */
export function callRoll(facts: ClassFacts, moment: Moment): Roll {
  const window = countingWindow(facts);
  const lesson = { startMs: facts.startMs, endMs: facts.endMs };
  const all = connections(facts, moment);
  const { byPerson, byGuest } = byWhom(all);
  const counts = countingSources(facts);
  const isCounting = (connection: Connection): boolean => counts.has(connection.source);
  const heartbeat = hadHeartbeat(all, facts);

  const { minPresenceMs } = facts.policy;

  const people = uniqueRoster(facts.roster).map((entry): RosterPerson => {
    const own = byPerson.get(entry.personId) ?? [];
    byPerson.delete(entry.personId);
    const counting = own.filter(isCounting);
    const presence = presenceOf(counting, window, facts.policy);
    const activity = activityOf(own, lesson);
    const figures = {
      lengthMs: lesson.endMs - lesson.startMs,
      presenceMs: presence.presenceMs,
      engagedMs: heartbeat ? total(activity) : presence.presenceMs,
      latenessMs: latenessMs(
        facts.policy.preset === 'astegni' && presence.counted.length === 0 ? activity : presence.counted,
        lesson,
      ),
    };
    const supporting = own.filter((connection) => !isCounting(connection));
    const stretches = stretchesOf(counting);
    const stays = staysOf(stretches, { ...entry, identity: null }, window, minPresenceMs);
    return { ...entry, counting, supporting, presence, activity, figures, stretches, stays };
  });

  const guestStays: Stay[] = [];
  const addGuest = (personId: string | null, identity: string | null, counting: Connection[]): void => {
    const whose = { personId, identity, role: 'guest' } as const;
    guestStays.push(...staysOf(stretchesOf(counting), whose, window, minPresenceMs));
  };
  for (const [personId, own] of byPerson) addGuest(personId, null, own.filter(isCounting));
  let unmatchedWaits = false;
  for (const [guest, own] of byGuest) {
    const counting = own.filter(isCounting);
    addGuest(null, guest.identity, counting);
    unmatchedWaits ||= guest.waiting && mayHaveBeenThere(counting, window, minPresenceMs);
  }
  return {
    facts,
    moment,
    window,
    joinWindow: joinWindow(facts),
    lesson,
    completeness: completeness({ facts, connections: all, window }),
    hadHeartbeat: heartbeat,
    unmatchedWaits,
    people,
    guestStays,
  };
}

/** Each person once, in the order of their ids; who is listed both as teacher and student teaches. */
function uniqueRoster(roster: readonly RosterEntry[]): RosterEntry[] {
  const once = new Map<string, RosterEntry>();
  for (const { personId, role } of roster) {
    if (!once.has(personId) || role === 'teacher') once.set(personId, { personId, role });
  }
  return [...once.values()].sort((a, b) => (a.personId < b.personId ? -1 : 1));
}

function byWhom(all: readonly Connection[]): {
  byPerson: Map<string, Connection[]>;
  byGuest: Map<Guest, Connection[]>;
} {
  const byPerson = new Map<string, Connection[]>();
  const byGuest = new Map<Guest, Connection[]>();
  for (const connection of all) {
    const { who } = connection;
    if (who.kind === 'person') append(byPerson, who.personId, connection);
    else append(byGuest, who, connection);
  }
  return { byPerson, byGuest };
}

function append<K>(into: Map<K, Connection[]>, key: K, connection: Connection): void {
  const list = into.get(key);
  if (list === undefined) into.set(key, [connection]);
  else list.push(connection);
}

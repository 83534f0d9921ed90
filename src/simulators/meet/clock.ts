/** The time by which the simulator reveals what has happened: real, moved by an offset, or standing still. */
export interface SimulatorClock {
  /** UTC milliseconds. */
  now(): number;
  set(setting: ClockSetting): void;
}

type ClockSetting = { kind: 'real'; offsetMs: number } | { kind: 'still'; atMs: number };

export function createSimulatorClock(): SimulatorClock {
  let current: ClockSetting = { kind: 'real', offsetMs: 0 };
  return {
    now: () => (current.kind === 'still' ? current.atMs : Date.now() + current.offsetMs),
    set: (setting) => {
      current = setting;
    },
  };
}

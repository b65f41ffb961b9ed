/** Where power flows now, as places on one line. */

import { batteryWord, DASH, duration, gridWord, houseWord, percent, power } from "./format";
import { isGone } from "./gauge";
import { totalPower } from "./home";
import { t } from "./i18n";
import type { BatteryState, SubmeterState, SystemState } from "./state";

/** Less than this is not drawn as a flow: standby losses and rounding would never let the picture rest. */
const FLOW_W = 10;

export type PlaceKey = "grid" | "solar" | "house" | "batteries" | "car";

export interface Place {
  key: PlaceKey;
  name: string;
  word: string;
  value: string;
  /** What else there is to say of it. */
  note: string | null;
  /** The value is of some time ago. */
  stale: boolean;
  /** Power that it gives to the others; negative for what it takes. Null = not known now. */
  givesW: number | null;
}

/** What flows between two neighbours. */
export interface Stretch {
  /** To the right (1), to the left (-1), or nothing worth drawing (0). */
  direction: 1 | 0 | -1;
  /** 1 (a trickle) to 3, for how lively it is drawn. */
  pace: 1 | 2 | 3;
}

/** From these powers on, a flow is drawn livelier: a fridge, a heater, everything at once. */
const PACES_W = [500, 2000] as const;

/** The places of this home in the order in which they stand on one line, the house between what feeds it. */
export function places(home: SystemState): Place[] {
  const all = [grid(home), solar(home), house(home), car(home), batteries(home)];
  return all.filter((place) => place !== null);
}

/**
 * What flows between neighbours on that line: what those on the left give together goes to the right.
 *
 * Beyond a place of which nothing is known, nothing is known of the flow.
 */
export function stretches(line: readonly Place[]): Stretch[] {
  let w: number | null = 0;
  return line.slice(0, -1).map(({ givesW, stale }) => {
    w = w === null || givesW === null || stale ? null : w + givesW;
    if (w === null || Math.abs(w) < FLOW_W) return { direction: 0, pace: 1 };
    const magnitude = Math.abs(w);
    const pace = magnitude >= PACES_W[1] ? 3 : magnitude >= PACES_W[0] ? 2 : 1;
    return { direction: w > 0 ? 1 : -1, pace };
  });
}

/** Whether the house gives more than it takes, because no meter shows its solar power apart. */
export function hasHiddenSun(line: readonly Place[]): boolean {
  const house = line.find(({ key }) => key === "house");
  return !line.some(({ key }) => key === "solar") && (house?.givesW ?? 0) > FLOW_W;
}

function grid({ grid }: SystemState): Place {
  const stale = isGone(grid.freshness);
  const age = grid.age_s === null ? DASH : duration(grid.age_s);
  const late = stale ? t.live.flow.meterSilent(age) : t.live.flow.meterLate(age);
  return {
    key: "grid",
    name: t.live.flow.grid,
    word: gridWord(grid.total_power_w),
    value: power(grid.total_power_w),
    note: grid.freshness === "fresh" ? null : late,
    stale,
    givesW: grid.total_power_w,
  };
}

/** What a further meter shows; null where there is none. */
function solar({ pv }: SystemState): Place | null {
  if (pv === null) return null;
  return {
    key: "solar",
    name: t.live.flow.solar,
    word: pv.power_w === null ? t.common.unknown : t.live.flow.producing,
    value: power(pv.power_w),
    note: null,
    stale: isGone(pv.freshness),
    givesW: pv.power_w,
  };
}

/** The daemon's load is net of solar power and holds the car; what meters show apart is taken out here. */
function house({ load_w, pv, ev, grid }: SystemState): Place {
  const known = measured(pv);
  const usesW = load_w === null || known === null ? null : load_w + known - (measured(ev) ?? 0);
  return {
    key: "house",
    name: t.live.flow.house,
    word: houseWord(usesW),
    value: power(usesW),
    note: null,
    stale: isGone(grid.freshness),
    givesW: usesW === null ? null : -usesW,
  };
}

/** Power of a further meter: 0 without one, null where it is not heard. */
function measured(meter: SubmeterState | null): number | null {
  if (meter === null) return 0;
  return isGone(meter.freshness) ? null : meter.power_w;
}

function batteries(home: SystemState): Place | null {
  if (home.batteries.length === 0) return null;
  const w = totalPower(home.batteries);
  const soc = socRange(home.batteries);
  return {
    key: "batteries",
    name: t.live.flow.batteries,
    word: batteryWord(w),
    value: power(w),
    note: soc === null ? null : t.live.flow.stateOfCharge(soc),
    stale: false,
    givesW: w === null ? null : -w,
  };
}

/** Lowest to highest: the state tells no capacities that a mean would need. Null while one is unknown. */
function socRange(all: BatteryState[]): string | null {
  const known = all.map(({ soc_pct }) => soc_pct).filter((soc) => soc !== null);
  if (known.length < all.length) return null;
  const [low, high] = [percent(Math.min(...known)), percent(Math.max(...known))];
  return low === high ? low : `${low} – ${high}`;
}

function car({ ev }: SystemState): Place | null {
  if (ev === null) return null;
  const w = ev.power_w;
  return {
    key: "car",
    name: t.live.flow.car,
    word: carWord(w),
    value: power(w),
    note: null,
    stale: isGone(ev.freshness),
    givesW: w === null ? null : -w,
  };
}

function carWord(w: number | null): string {
  if (w === null) return t.common.unknown;
  if (Math.abs(w) < FLOW_W) return t.common.idle;
  return w > 0 ? t.live.flow.charging : t.live.flow.feeding;
}

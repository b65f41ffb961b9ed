/** The home in a few words: which battery belongs where, and whether everything is all right. */

import { amps, isZero, list, power } from "./format";
import { phaseLoad } from "./gauge";
import { t } from "./i18n";
import type { BatteryState, PhaseState, SupportState, SystemState } from "./state";

export const UNASSIGNED = "unassigned";
export const THREE_PHASE = "three-phase";

export interface Group {
  key: string;
  title: string;
  hint: string | null;
  batteries: BatteryState[];
}

/** The phases of this home, in order. */
function phaseNames(state: SystemState): string[] {
  return Object.keys(state.grid.phases).sort();
}

/** One group per phase, also an empty one. */
export function phaseGroups(state: SystemState): Group[] {
  return phaseNames(state).map((name) => ({
    key: name,
    title: t.live.groups.on(name),
    hint: supportHint(name, state),
    batteries: state.batteries.filter((battery) => battery.phase === name),
  }));
}

/** Batteries that are on no single phase of this home; only groups that have any. */
export function otherGroups(state: SystemState): Group[] {
  const names = phaseNames(state);
  const elsewhere = (battery: BatteryState): boolean =>
    ![...names, THREE_PHASE, UNASSIGNED].includes(battery.phase);
  const groups: Group[] = [
    group(
      THREE_PHASE,
      t.live.groups.threePhase,
      t.live.groups.threePhaseHint,
      ({ phase }) => phase === THREE_PHASE,
    ),
    group(
      UNASSIGNED,
      t.live.groups.unassigned,
      t.live.groups.unassignedHint,
      ({ phase }) => phase === UNASSIGNED,
    ),
    group("elsewhere", t.live.groups.elsewhere, null, elsewhere),
  ];
  return groups.filter(({ batteries }) => batteries.length > 0);

  function group(key: string, heading: string, hint: string | null, on: (b: BatteryState) => boolean): Group {
    return { key, title: heading, hint, batteries: state.batteries.filter(on) };
  }
}

/** The assignments a user can choose from; the present one is always among them. */
export function assignments(state: SystemState, present: string): string[] {
  const names = phaseNames(state);
  const choices = names.length > 1 ? [...names, THREE_PHASE] : names;
  return [...new Set([...choices, UNASSIGNED, present])];
}

export function assignmentLabel(assignment: string): string {
  if (assignment === UNASSIGNED) return t.common.unassigned;
  return assignment === THREE_PHASE ? t.common.threePhase : assignment;
}

/** How far the batteries of a phase can help it now, and which, in the order of use. */
function supportHint(name: string, state: SystemState): string | null {
  const phase = state.grid.phases[name];
  if (phase === undefined) return null;
  const down = helpers(phase.support_down_w, phase.support_down, state);
  const up = helpers(phase.support_up_w, phase.support_up, state);
  if (down !== null && up !== null) return t.live.support.both(name, down, up);
  if (down !== null) return t.live.support.lower(name, down);
  return up === null ? null : t.live.support.raise(name, up);
}

/** "3.00 kW (first Garage, then Attic)"; null for nothing. */
function helpers(w: number, support: SupportState[], state: SystemState): string | null {
  if (w <= 0) return null;
  const names = support.map(({ id }) => state.batteries.find((battery) => battery.id === id)?.name ?? id);
  return names.length > 1 ? t.live.support.order(power(w), names) : power(w);
}

export interface Summary {
  level: "ok" | "info" | "warning" | "alarm";
  title: string;
  detail: string;
}

/** The answer to "is everything all right?", and what goes on. */
export function summary(state: SystemState): Summary {
  const detail = state.summary || batteriesInShort(state.batteries);
  const [worst] = [
    ...overloads(state),
    ...alarmed(state),
    ...lostReadings(state),
    ...silentBatteries(state),
  ].sort((a, b) => LEVELS.indexOf(b.level) - LEVELS.indexOf(a.level));
  if (worst !== undefined) return { ...worst, detail };
  if (state.strategy.selected === "full-stop") return { level: "info", title: t.live.status.fullStop, detail };
  return { level: "ok", title: t.live.status.ok, detail };
}

type Finding = Pick<Summary, "level" | "title">;

const LEVELS: Summary["level"][] = ["ok", "info", "warning", "alarm"];

function overloads(state: SystemState): Finding[] {
  return Object.entries(state.grid.phases).flatMap(([name, phase]) => overload(name, phase) ?? []);
}

function overload(name: string, phase: PhaseState): Finding | null {
  const current = amps(phase.current_a);
  const limit = amps(phase.operating_limit_a);
  switch (phaseLoad(phase)) {
    case "over-fuse":
      return { level: "alarm", title: t.live.status.overFuse(name, current, amps(phase.fuse_a)) };
    case "over-limit":
      return { level: "warning", title: t.live.status.overLimit(name, current, limit) };
    case "near":
      return { level: "warning", title: t.live.status.near(name, current, limit) };
    default:
      return null;
  }
}

function lostReadings(state: SystemState): Finding[] {
  if (state.grid.freshness === "lost") return [{ level: "warning", title: t.live.status.meterSilent }];
  return Object.entries(state.grid.phases)
    .filter(([, phase]) => phase.freshness === "lost")
    .map(([name]) => ({ level: "warning", title: t.live.status.noReading(name) }));
}

/** Said at once: the daemon raises an alarm only when a battery stays away. */
function silentBatteries(state: SystemState): Finding[] {
  const names = state.batteries.filter(({ reachable }) => !reachable).map(({ name }) => name);
  return names.length === 0 ? [] : [{ level: "warning", title: t.live.status.unreachable(list(names)) }];
}

/** Points at the alarms, which are listed in full above the status. */
function alarmed(state: SystemState): Finding[] {
  const levels = state.alarms.map(({ severity }) => LEVELS.find((level) => level === severity) ?? "warning");
  const count = (level: string): number => levels.filter((other) => other === level).length;
  if (count("alarm") > 0) return [{ level: "alarm", title: t.live.status.alarms(count("alarm")) }];
  if (count("warning") === 0) return [];
  return [{ level: "warning", title: t.live.status.warnings(count("warning")) }];
}

/** "2 batteries together: charging with 1.20 kW.", with those of unknown power named apart. */
export function batteriesInShort(batteries: BatteryState[]): string {
  const { doing } = t.live;
  if (batteries.length === 0) return doing.none;
  const known = batteries.filter((battery) => powerNow(battery) !== null);
  const unknown = batteries.filter((battery) => powerNow(battery) === null).map(({ name }) => name);
  const total = totalPower(known);
  const sentences: string[] = [];
  if (total !== null) {
    const what = doingWords(total);
    sentences.push(
      known.length === 1 ? doing.one(known[0]?.name ?? "", what) : doing.together(known.length, what),
    );
  }
  if (unknown.length > 0) sentences.push(doing.unknown(list(unknown)));
  return sentences.join(" ");
}

function doingWords(w: number): string {
  const { doing } = t.live;
  if (isZero(w)) return doing.idle;
  return w > 0 ? doing.charging(power(w)) : doing.discharging(power(w));
}

/** The sum of the powers that are known; null where none is. */
export function totalPower(batteries: BatteryState[]): number | null {
  const known = batteries.map(powerNow).filter((w) => w !== null);
  return known.length === 0 ? null : known.reduce((sum, w) => sum + w, 0);
}

/** What an unreachable battery does now is unknown, whatever it did when last seen. */
export function powerNow(battery: BatteryState): number | null {
  return battery.reachable ? battery.power_w : null;
}

/** The home in a few words: which battery belongs where, and whether everything is all right. */

import { amps, batteryWord, list, power } from "./format";
import { phaseLoad } from "./gauge";
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
    title: `On ${name}`,
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
      "On all three phases",
      "A third of the power on each.",
      (b) => b.phase === THREE_PHASE,
    ),
    group(
      UNASSIGNED,
      "Unassigned",
      "Phasewise has not been told which phase these feed. You can say so on each battery.",
      (b) => b.phase === UNASSIGNED,
    ),
    group("elsewhere", "On a phase that the meter does not show", null, elsewhere),
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
  if (assignment === UNASSIGNED) return "Unassigned";
  return assignment === THREE_PHASE ? "Three-phase" : assignment;
}

/** How far the batteries of a phase can help it now, and which, in the order of use. */
function supportHint(name: string, state: SystemState): string | null {
  const phase = state.grid.phases[name];
  if (phase === undefined) return null;
  const down = helpers(`lower ${name}`, phase.support_down_w, phase.support_down, state);
  const subject = down === null ? name : "it";
  const up = helpers(`raise ${subject}`, phase.support_up_w, phase.support_up, state);
  if (down === null && up === null) return null;
  return `Can ${[down, up].filter((way) => way !== null).join(" or ")}.`;
}

function helpers(effect: string, w: number, support: SupportState[], state: SystemState): string | null {
  if (w <= 0) return null;
  const names = support.map(({ id }) => state.batteries.find((battery) => battery.id === id)?.name ?? id);
  const order = names.length > 1 ? ` (first ${names.join(", then ")})` : "";
  return `${effect} by ${power(w)}${order}`;
}

export interface Summary {
  level: "ok" | "info" | "warning" | "alarm";
  title: string;
  detail: string;
}

/** The answer to "is everything all right?", and what the batteries do. */
export function summary(state: SystemState): Summary {
  const detail = batteriesInShort(state.batteries);
  const [worst] = [
    ...overloads(state),
    ...alarmed(state),
    ...lostReadings(state),
    ...silentBatteries(state),
  ].sort((a, b) => LEVELS.indexOf(b.level) - LEVELS.indexOf(a.level));
  if (worst !== undefined) return { ...worst, detail };
  if (state.strategy.selected === "full-stop") {
    return { level: "info", title: "Full stop: all batteries are kept idle.", detail };
  }
  return { level: "ok", title: "Everything is all right.", detail };
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
      return {
        level: "alarm",
        title: `${name} carries ${current}, more than its ${amps(phase.fuse_a)} fuse.`,
      };
    case "over-limit":
      return { level: "warning", title: `${name} carries ${current}, more than its limit of ${limit}.` };
    case "near":
      return { level: "warning", title: `${name} is near its limit: ${current} of ${limit}.` };
    default:
      return null;
  }
}

function lostReadings(state: SystemState): Finding[] {
  if (state.grid.freshness === "lost") return [{ level: "warning", title: "The meter is silent." }];
  return Object.entries(state.grid.phases)
    .filter(([, phase]) => phase.freshness === "lost")
    .map(([name]) => ({ level: "warning", title: `The meter gives no reading of ${name}.` }));
}

/** Said at once: the daemon raises an alarm only when a battery stays away. */
function silentBatteries(state: SystemState): Finding[] {
  const names = state.batteries.filter(({ reachable }) => !reachable).map(({ name }) => name);
  return names.length === 0 ? [] : [{ level: "warning", title: `${list(names)} can't be reached.` }];
}

/** Points at the alarms, which are listed in full below the status. */
function alarmed(state: SystemState): Finding[] {
  const levels = state.alarms.map(({ severity }) => LEVELS.find((level) => level === severity) ?? "warning");
  const count = (level: string): number => levels.filter((other) => other === level).length;
  const see = (word: string, n: number): string => `see the ${word}${n === 1 ? "" : "s"} below.`;
  if (count("alarm") > 0) {
    return [{ level: "alarm", title: `Something is wrong: ${see("alarm", count("alarm"))}` }];
  }
  if (count("warning") === 0) return [];
  return [{ level: "warning", title: `Something needs attention: ${see("warning", count("warning"))}` }];
}

/** "2 batteries together: charging with 1.20 kW.", with those of unknown power named apart. */
export function batteriesInShort(batteries: BatteryState[]): string {
  if (batteries.length === 0) return "There are no batteries.";
  const known = batteries.filter((battery) => powerNow(battery) !== null);
  const unknown = batteries.filter((battery) => powerNow(battery) === null);
  const rest = unknown.length > 0 ? `${list(unknown.map(({ name }) => name))}: power unknown.` : "";
  if (known.length === 0) return rest;
  const total = totalPower(known);
  const word = batteryWord(total).toLowerCase();
  const amount = word === "idle" ? "idle" : `${word} with ${power(total)}`;
  const subject = known.length === 1 ? known[0]?.name : `${known.length} batteries together`;
  return `${subject}: ${amount}. ${rest}`.trim();
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

/** What phase protection does, in a few words. */

import { amps, list, power } from "./format";
import { isGone } from "./gauge";
import { UNASSIGNED } from "./home";
import type { BatteryState, PhaseState, SystemState } from "./state";

/** From this share of a fuse's thermal budget on, it is worth a word: a kettle leaves less. */
const WARM_PCT = 1;
/** Less is rounding. */
const WORTH_W = 1;

export interface Line {
  text: string;
  /** Something that a person should see, not only who looks for it. */
  strong: boolean;
}

/** What there is to say of one phase: room, heat of the fuse, what batteries do for it and what they can't. */
export function phaseLines(phase: PhaseState): Line[] {
  const lines: Line[] = [];
  const say = (text: string, strong = false): number => lines.push({ text, strong });
  const room = roomText(phase);
  if (room !== null) say(room);
  if (Math.abs(phase.relief_w) >= WORTH_W) {
    say(`Needs to be ${phase.relief_w < 0 ? "lowered" : "raised"} by ${power(phase.relief_w)}`);
  } else if (phase.binding) {
    say("Limit holds batteries back");
  }
  if (Math.abs(phase.missing_w) >= WORTH_W) say(`${power(phase.missing_w)} more than batteries can do`, true);
  if (phase.fuse_used_pct >= WARM_PCT) {
    say(`Fuse heat ${Math.round(phase.fuse_used_pct)} %`, phase.fuse_used_pct >= 50);
  }
  return lines;
}

function roomText(phase: PhaseState): string | null {
  const { headroom_import_a: more, headroom_export_a: less } = phase;
  if (isGone(phase.freshness) || more === null || less === null) return null;
  if (more < 0) return `${amps(-more)} over the import limit`;
  if (less < 0) return `${amps(-less)} over the export limit`;
  return `Room ${amps(more)} import, ${amps(less)} export`;
}

/** Whether phases are protected; null while protection is switched off. */
export function protectionText(state: SystemState): string | null {
  if (!state.protection.enabled) return null;
  if (state.protection.active) return "Phase protection is on.";
  if (!anyAssigned(state)) {
    return "Phase protection is on, but can't act yet: no battery has a phase.";
  }
  return "Phase protection is on, but can't work here: see the alarm.";
}

/** What giving this battery a phase means for the others: said before the first one gets its phase. */
export function firstAssignment(state: SystemState, battery: BatteryState): string | null {
  const { enabled, unassigned } = state.protection;
  if (!enabled || anyAssigned(state)) return null;
  const others = state.batteries.filter(({ id }) => id !== battery.id).map(({ name }) => name);
  const start = "Phase protection begins with the first battery that has a phase.";
  if (others.length === 0 || unassigned !== "worst-case") return start;
  const them = others.length === 1 ? `${list(others)} has` : `${list(others)} have`;
  const may = others.length === 1 ? "it does" : "they do";
  return `${start} Until ${them} one too, ${may} only what is safe on every phase, which can be little.`;
}

function anyAssigned(state: SystemState): boolean {
  return state.batteries.some(({ phase }) => phase !== UNASSIGNED);
}

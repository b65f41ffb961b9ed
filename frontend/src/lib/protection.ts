/** What phase protection does, in a few words. */

import { amps, list, power } from "./format";
import { isGone } from "./gauge";
import { UNASSIGNED } from "./home";
import { t } from "./i18n";
import type { BatteryState, PhaseState, SystemState } from "./state";

/** Less is rounding. */
const WORTH_W = 1;

/** From this share of the thermal budget on, the heat of a fuse should be seen: half of what it bears is gone. */
const HOT_PCT = 50;

export interface Line {
  text: string;
  /** Something that a person should see, not only who looks for it. */
  strong: boolean;
}

/** What batteries do for one phase, and what they can't. */
export function phaseLines(phase: PhaseState): Line[] {
  const lines: Line[] = [];
  const over = overText(phase);
  if (over !== null) lines.push({ text: over, strong: true });
  if (Math.abs(phase.relief_w) >= WORTH_W) {
    const words = phase.relief_w < 0 ? t.live.phases.lower : t.live.phases.raise;
    lines.push({ text: words(power(phase.relief_w)), strong: false });
  } else if (phase.binding) {
    lines.push({ text: t.live.phases.holding, strong: false });
  }
  if (Math.abs(phase.missing_w) >= WORTH_W) {
    lines.push({ text: t.live.phases.missing(power(phase.missing_w)), strong: true });
  }
  return lines;
}

export interface Room {
  import: string;
  export: string;
}

/** How much more current may flow in each direction; null where it is unknown, or not inside the limits. */
export function room(phase: PhaseState): Room | null {
  const { headroom_import_a: more, headroom_export_a: less } = phase;
  if (isGone(phase.freshness) || more === null || less === null || more < 0 || less < 0) return null;
  return { import: t.live.phases.roomImport(amps(more)), export: t.live.phases.roomExport(amps(less)) };
}

function overText(phase: PhaseState): string | null {
  const { headroom_import_a: more, headroom_export_a: less } = phase;
  if (isGone(phase.freshness) || more === null || less === null) return null;
  if (more < 0) return t.live.phases.overImport(amps(-more));
  return less < 0 ? t.live.phases.overExport(amps(-less)) : null;
}

/** Whether the fuse has become so warm that a person should see it. */
export function isHot(phase: PhaseState): boolean {
  return phase.fuse_used_pct >= HOT_PCT;
}

/** Whether phases are protected; null while protection is switched off. */
export function protectionText(state: SystemState): string | null {
  if (!state.protection.enabled) return null;
  if (state.protection.active) return t.live.protection.on;
  return anyAssigned(state) ? t.live.protection.refused : t.live.protection.noPhases;
}

/** What giving this battery a phase means for the others: said before the first one gets its phase. */
export function firstAssignment(state: SystemState, battery: BatteryState): string | null {
  const { enabled, unassigned } = state.protection;
  if (!enabled || anyAssigned(state)) return null;
  const others = state.batteries.filter(({ id }) => id !== battery.id).map(({ name }) => name);
  if (others.length === 0 || unassigned !== "worst-case") return t.live.protection.begins;
  return t.live.protection.beginsOthers(list(others), others.length);
}

function anyAssigned(state: SystemState): boolean {
  return state.batteries.some(({ phase }) => phase !== UNASSIGNED);
}

/** What the strategies are called, and what they do in a sentence each. */

import { gridWord, power } from "./format";
import type { StrategyState } from "./state";

export const FULL_STOP = "full-stop";

/** What runs while the control core does not know enough to follow any strategy. */
const SAFE = "safe";

const KNOWN: Record<string, { title: string; sentence: string }> = {
  "self-consumption": {
    title: "Self-consumption",
    sentence: "Stores solar surplus and covers what the house uses.",
  },
  "charge-pv": { title: "Charge PV", sentence: "Stores solar surplus; never discharges." },
  "zero-import": { title: "Zero import", sentence: "Covers what the house uses; never charges." },
  standby: { title: "Standby", sentence: "Idle, unless a limit would be exceeded." },
  charge: { title: "Charge", sentence: "Charges the batteries until their goal." },
  sell: { title: "Sell", sentence: "Discharges to the grid until its goal." },
  timed: { title: "Timed", sentence: "Follows the time windows of the configuration." },
  dynamic: { title: "Dynamic price", sentence: "Follows the energy prices." },
  [FULL_STOP]: { title: "Full stop", sentence: "All batteries are kept idle. Choose a strategy to go on." },
};

/** Its title; a strategy from elsewhere has its kebab-case name as words. */
export function title(name: string): string {
  const words = name.replaceAll("-", " ");
  return KNOWN[name]?.title ?? words.charAt(0).toUpperCase() + words.slice(1);
}

/** One sentence, or two where the grid is held at another target than 0 W. */
export function describe(name: string, targetW: number): string {
  const sentence = KNOWN[name]?.sentence ?? "";
  if (name !== "self-consumption" || targetW === 0) return sentence;
  return `${sentence} Aims at ${gridWord(targetW).toLowerCase()} ${power(targetW)}.`;
}

/** What runs instead of what was selected, as a sentence; null when both are the same. */
export function running({ selected, executing }: StrategyState): string | null {
  if (executing === selected) return null;
  if (executing === SAFE)
    return "Running now: safe state, with the batteries at 0 W until the meter is heard.";
  return `Running now: ${title(executing)}.`;
}

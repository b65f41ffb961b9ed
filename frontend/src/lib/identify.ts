/** The wizard that finds out which phase a battery is on: what it checks, draws and says. */

import { isZero, list, number } from "./format";
import { THREE_PHASE } from "./home";
import { t } from "./i18n";
import type { BatteryState, IdentifyState, SystemState } from "./state";

export interface Check {
  text: string;
  ok: boolean;
}

/** What can be seen beforehand; the daemon checks more, and says so when it refuses. */
export function checks(home: SystemState, battery: BatteryState): Check[] {
  const words = t.batteries.identify;
  const phases = Object.values(home.grid.phases);
  const check = (ok: boolean, yes: string, no: string): Check => ({ text: ok ? yes : no, ok });
  const metered = phases.every(({ freshness, power_w }) => freshness === "fresh" && power_w !== null);
  return [
    check(battery.reachable && battery.available, words.checkReach, words.noReach),
    check(metered, words.checkMeter, words.noMeter),
    check(battery.override === "auto", words.checkAuto, words.noAuto),
    check(home.identify?.state !== "running", words.checkOther, words.noOther),
  ];
}

/** One line of the evidence; `points` as SVG takes them. */
export interface Curve {
  key: "battery" | "l1" | "l2" | "l3";
  points: string;
}

export interface Evidence {
  curves: Curve[];
  /** Where 0 W is, in the same units as the points. */
  zero: number;
  /** The power at the upper and the lower edge. */
  edge_w: number;
}

export const PLOT_WIDTH = 600;
export const PLOT_HEIGHT = 200;

/** Less would draw the noise of a quiet house as large as a step. */
const LEAST_EDGE_W = 500;

/** The battery, and each phase against its own mean, so that their steps can be compared. */
export function evidence({ samples }: IdentifyState): Evidence {
  const keys = ["l1", "l2", "l3"] as const;
  const rows: [Curve["key"], number[]][] = [
    ["battery", samples.map(({ battery_w }) => battery_w)],
    ...keys.map((key, at): [Curve["key"], number[]] => [
      key,
      aroundMean(samples.flatMap(({ phases_w }) => phases_w[at] ?? [])),
    ]),
  ];
  const edge_w = Math.max(LEAST_EDGE_W, ...rows.flatMap(([, values]) => values.map(Math.abs))) * 1.05;
  const first = samples[0]?.at_s ?? 0;
  const span = Math.max(1, (samples.at(-1)?.at_s ?? 0) - first);
  const x = (at: number): number => (((samples[at]?.at_s ?? 0) - first) / span) * PLOT_WIDTH;
  const y = (w: number): number => (PLOT_HEIGHT / 2) * (1 - w / edge_w);
  const points = (values: number[]): string =>
    values.map((w, at) => `${x(at).toFixed(1)},${y(w).toFixed(1)}`).join(" ");
  return { curves: rows.map(([key, values]) => ({ key, points: points(values) })), zero: y(0), edge_w };
}

function aroundMean(values: number[]): number[] {
  const mean = values.reduce((sum, w) => sum + w, 0) / Math.max(1, values.length);
  return values.map((w) => w - mean);
}

/** What a phase did at one step of the battery: all of it, a third, the same the wrong way round, or something else. */
export type Likeness = "follows" | "third" | "against" | "other";

export interface Seen {
  phase: string;
  power_w: number;
  likeness: Likeness;
}

/** One step of the battery, and what each phase showed of it. */
export interface Step {
  expected_w: number;
  seen: Seen[];
}

/** As shares of the battery's step; the daemon counts with the same (`mapping/evidence.py`). */
const NEAR_ONE = 1 / 3;
const NEAR_THIRD = 1 / 6;

/** The fewest steps that an answer takes: three rounds of up and down, each against its neighbours. */
const LEAST_STEPS = 5;

export function stepsOf({ expected_w, phases }: IdentifyState): Step[] {
  const named = Object.entries(phases).sort(([a], [b]) => (a < b ? -1 : 1));
  return expected_w.map((whole_w, at) => ({
    expected_w: whole_w,
    seen: named.flatMap(([phase, { steps_w }]) => {
      const power_w = steps_w[at];
      return power_w === undefined ? [] : { phase, power_w, likeness: likeness(power_w / whole_w) };
    }),
  }));
}

function likeness(share: number): Likeness {
  if (Math.abs(share - 1) < NEAR_ONE) return "follows";
  if (Math.abs(share - 1 / 3) < NEAR_THIRD) return "third";
  return Math.abs(share + 1) < NEAR_ONE ? "against" : "other";
}

/** Of how many steps each phase shows this. */
export function counts(steps: readonly Step[], what: Likeness): { phase: string; count: number }[] {
  const phases = steps[0]?.seen.map(({ phase }) => phase) ?? [];
  const showed = (phase: string): number =>
    steps.filter(({ seen }) => seen.some((one) => one.phase === phase && one.likeness === what)).length;
  return phases.map((phase) => ({ phase, count: showed(phase) }));
}

/** What all steps so far show, in a sentence. It is no answer yet. */
export function soFar(run: IdentifyState): string {
  const words = t.batteries.identify.soFar;
  const steps = stepsOf(run);
  if (steps.length === 0) return words.none;
  const total = number(steps.length);
  const follows = most(counts(steps, "follows"));
  if (follows.count > 0) return words.follows(list(follows.phases), number(follows.count), total);
  const thirds = counts(steps, "third").filter(({ count }) => count > 0);
  // Two phases are enough: the household may be busy on the last one.
  if (thirds.length > 1) return words.thirds(number(Math.min(...thirds.map(({ count }) => count))), total);
  const against = most(counts(steps, "against"));
  if (against.count > 0) return words.against(list(against.phases), number(against.count), total);
  return words.nothing(total);
}

function most(counted: { phase: string; count: number }[]): { phases: string[]; count: number } {
  const count = Math.max(0, ...counted.map((one) => one.count));
  return { phases: counted.filter((one) => one.count === count).map(({ phase }) => phase), count };
}

/** How many steps an answer still takes at least; null once it is the house that makes it take longer. */
export function fewSteps({ steps }: IdentifyState): string | null {
  if (steps >= LEAST_STEPS) return null;
  return t.batteries.identify.confidenceLater(number(LEAST_STEPS), number(steps));
}

/** "+1,970", "−620": a step has a direction. In watts, as the caption of the table says. */
export function signed(w: number): string {
  const text = number(Math.abs(w));
  if (isZero(w)) return text;
  return `${w > 0 ? "+" : "\u2212"}${text}`;
}

/** Whether there is an answer that the user can accept. */
export function answered({ state, outcome }: IdentifyState): boolean {
  return state === "done" && outcome !== "unclear";
}

/** The result in a sentence. */
export function result(run: IdentifyState, name: string): string {
  const words = t.batteries.identify;
  if (run.state === "aborted") return words.aborted;
  if (!answered(run)) return words.unclear;
  return run.outcome === THREE_PHASE ? words.isThreePhase(name) : words.isOn(name, run.outcome);
}

/** What to do where there is no answer. */
export function advice({ code }: IdentifyState): string {
  const known: Record<string, string> = t.batteries.identify.advice;
  return known[code ?? "other"] ?? t.batteries.identify.advice.other;
}

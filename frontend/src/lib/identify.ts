/** The wizard that finds out which phase a battery is on: what it checks, draws and says. */

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
  return [
    { text: words.checkReach, ok: battery.reachable && battery.available },
    {
      text: words.checkMeter,
      ok: phases.every(({ freshness, power_w }) => freshness === "fresh" && power_w !== null),
    },
    { text: words.checkAuto, ok: battery.override === "auto" },
    { text: words.checkOther, ok: home.identify?.state !== "running" },
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

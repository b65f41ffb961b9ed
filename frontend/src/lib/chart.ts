/** What a chart shows, and how its axes are labelled. Times are Unix seconds. */

import { day, number, timeOfDay } from "./format";
import { i18n } from "./i18n";

export type Values = readonly (number | null)[];

/** A colour of the theme, by the name of its CSS variable without the dashes. */
export type ColourName =
  | "l1"
  | "l2"
  | "l3"
  | "import"
  | "export"
  | "pv"
  | "battery"
  | "house"
  | "accent"
  | "warning"
  | "alarm"
  | "mark"
  | "ink-2";

export interface Series {
  label: string;
  /** One per time; null is a gap. */
  values: Values;
  colour: ColourName;
  /** Lines between values, a value that lasts until the next, or bars. */
  shape?: "line" | "step" | "bars";
  /** Fill down (or up) to zero. */
  filled?: boolean;
  /** For limits and targets. */
  dashed?: boolean;
  /** The range within each time step, drawn as a band behind the line. */
  min?: Values;
  max?: Values;
  /** Which scale: `right` has an axis of its own at the right. */
  scale?: "left" | "right";
  /** How its value is written at the cursor; plain number with the unit of its axis if not given. */
  format?: (value: number | null) => string;
}

export interface Axis {
  unit: string;
  /** Fixed ends, for example 0 to 100 of a percentage. The data decide where null or left out. */
  from?: number | null;
  to?: number | null;
}

/** A stretch of time to shade, such as a window, night, or time without data. */
export interface Shade {
  from: number;
  to: number;
  colour: ColourName;
  label?: string;
}

const DAY_S = 86_400;

/** One label per split of a time axis, as fine as the distance between splits needs; days are named once. */
export function timeLabels(splits: readonly number[], stepS: number): string[] {
  let lastDay = "";
  return splits.map((at) => {
    const date = new Date(at * 1000);
    if (stepS >= 28 * DAY_S) {
      return date.toLocaleDateString(i18n.locale, { month: "short", year: "numeric" });
    }
    if (stepS >= DAY_S) return day(date);
    const time = timeOfDay(date, stepS < 60);
    const today = date.toDateString();
    const first = lastDay !== "" && today !== lastDay;
    lastDay = today;
    return first ? `${time}\n${day(date)}` : time;
  });
}

/** Labels of a value axis: as many digits as the distance between its splits needs. */
export function valueLabels(splits: readonly number[], step: number): string[] {
  const digits = Math.max(0, Math.min(4, -Math.floor(Math.log10(step || 1) + 1e-9)));
  return splits.map((value) => number(value, digits));
}

/** The newest step up to a time at which a line has a value, limits and targets aside; -1 when there is none. */
export function newest(times: readonly number[], series: readonly Series[], until: number): number {
  const solid = series.filter(({ dashed }) => dashed !== true);
  const lines = solid.length > 0 ? solid : series;
  for (let at = times.length - 1; at >= 0; at -= 1) {
    if ((times[at] ?? 0) <= until && lines.some(({ values }) => (values[at] ?? null) !== null)) return at;
  }
  return -1;
}

/** A range moved by a share of its width; for panning. */
export function panned([from, to]: [number, number], share: number): [number, number] {
  const by = (to - from) * share;
  return [from + by, to + by];
}

/** A range made narrower (factor < 1) or wider around a point that stays where it is. */
export function zoomed([from, to]: [number, number], factor: number, around: number): [number, number] {
  return [around - (around - from) * factor, around + (to - around) * factor];
}

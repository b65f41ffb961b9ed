/** What the history view asks for and shows. Times are Unix seconds; positive power is import, and charging. */

import type { ColourName, Series, Values } from "./chart";
import { amps, DASH, day, duration, number, percent, power, price, timeOfDay } from "./format";
import { t } from "./i18n";
import type { SystemState } from "./state";

export interface Curve {
  mean: Values;
  min: Values;
  max: Values;
}

/** The answer of `GET /api/v1/history`. */
export interface Past {
  from: number;
  to: number;
  step_s: number;
  time: number[];
  series: Record<string, Curve>;
}

export const PICTURES = ["power", "phases", "current", "batteries", "charge", "prices"] as const;
export type Picture = (typeof PICTURES)[number];

export const SPANS = ["hour", "day", "week", "month", "year"] as const;
export type Span = (typeof SPANS)[number];

const DAY_S = 86_400;
export const SPAN_S: Record<Span, number> = {
  hour: 3_600,
  day: DAY_S,
  week: 7 * DAY_S,
  month: 31 * DAY_S,
  year: 366 * DAY_S,
};

export type Range = [number, number];

/** Finer than seconds nothing is kept; a year is the longest span. */
const SHORTEST_S = 60;
const LONGEST_S = 2 * SPAN_S.year;

/** More than a screen is wide on a phone, about as much as it is on a desk. */
export const POINTS = 1_000;
const MOST_VALUES = 200_000;

const BATTERY_COLOURS: ColourName[] = ["battery", "house", "pv", "import", "l1", "alarm"];
const PHASE_COLOURS: Record<string, ColourName> = { L1: "l1", L2: "l2", L3: "l3" };
const CT_PER_EURO = 100;

/** How one series of the daemon is drawn. */
interface Plan extends Omit<Series, "label" | "values" | "min" | "max"> {
  name: string;
  label: string;
  /** The range within each step is drawn too. */
  band?: boolean;
  factor?: number;
}

/** A magnitude with a sign: what a chart reads out. */
export function signedPower(w: number | null): string {
  if (w === null) return DASH;
  return Math.round(w) < 0 ? `−${power(w)}` : power(w);
}

const phasesOf = (home: SystemState): string[] => Object.keys(home.grid.phases).sort();

/** What a picture is made of, in the order of its legend. */
export function planned(picture: Picture, home: SystemState): Plan[] {
  const words = t.history.series;
  const watts = { format: signedPower };
  const phases = phasesOf(home);
  const colour = (phase: string): ColourName => PHASE_COLOURS[phase] ?? "accent";
  const batteries = home.batteries.map((battery, at) => ({
    ...battery,
    colour: BATTERY_COLOURS[at % BATTERY_COLOURS.length] as ColourName,
  }));
  switch (picture) {
    case "power":
      return [
        { name: "grid.total_w", label: words.grid, colour: "import", band: true, ...watts },
        { name: "load_w", label: words.house, colour: "house", ...watts },
        { name: "pv_w", label: words.solar, colour: "pv", filled: true, ...watts },
        { name: "ev_w", label: words.car, colour: "mark", ...watts },
      ];
    case "phases":
      return phases.flatMap((phase): Plan[] => [
        { name: `${phase}.power_w`, label: phase, colour: colour(phase), band: true, ...watts },
        limit(`${phase}.limit_hi_w`, words.limit(phase), colour(phase)),
        limit(`${phase}.limit_lo_w`, words.limitExport(phase), colour(phase)),
      ]);
    case "current":
      return phases.map((phase) => ({
        name: `${phase}.current_a`,
        label: phase,
        colour: colour(phase),
        band: true,
        format: amps,
      }));
    case "batteries":
      return batteries.flatMap((battery): Plan[] => [
        { name: `battery.${battery.id}.power_w`, label: battery.name, colour: battery.colour, ...watts },
        {
          name: `battery.${battery.id}.setpoint_w`,
          label: words.setpoint(battery.name),
          colour: battery.colour,
          shape: "step",
          dashed: true,
          ...watts,
        },
      ]);
    case "charge":
      return batteries.map((battery) => ({
        name: `battery.${battery.id}.soc_pct`,
        label: battery.name,
        colour: battery.colour,
        format: percent,
      }));
    case "prices": {
      const format = (ct: number | null): string => price(ct === null ? null : ct / CT_PER_EURO);
      const look = { shape: "step", factor: CT_PER_EURO, format } as const;
      return [
        { name: "price.buy_eur_kwh", label: words.buy, colour: "import", ...look },
        { name: "price.sell_eur_kwh", label: words.sell, colour: "export", ...look },
      ];
    }
  }
}

function limit(name: string, label: string, colour: ColourName): Plan {
  return { name, label, colour, dashed: true, shape: "step", format: signedPower };
}

export const names = (picture: Picture, home: SystemState): string =>
  planned(picture, home)
    .map(({ name }) => name)
    .join(",");

/** How many values per series may be asked for: the daemon bounds their number together. */
export function pointsFor(series: string): number {
  return Math.min(POINTS, Math.floor(MOST_VALUES / series.split(",").length));
}

/** What there is of a picture, ready to draw; what was never measured is left out. */
export function drawn(picture: Picture, home: SystemState, past: Past): Series[] {
  const found = planned(picture, home).flatMap(({ name, band, factor = 1, ...look }): Series[] => {
    const curve = past.series[name];
    if (curve === undefined || !curve.mean.some((value) => value !== null)) return [];
    const mean = name === "load_w" ? house(curve.mean, past) : curve.mean;
    const values = factor === 1 ? mean : mean.map((v) => (v === null ? null : v * factor));
    return [{ ...look, values, ...(band ? { min: curve.min, max: curve.max } : {}) }];
  });
  return picture === "current" ? [...found, ...fuses(home, past.time.length, found.length)] : found;
}

/** The daemon's load is net of solar power and holds the car: as in the live view, what meters show apart is
 * taken out; unknown where one of them was not heard. */
function house(load: Values, { series }: Past): Values {
  const measured = (name: string): Values | null => {
    const values = series[name]?.mean;
    return values?.some((value) => value !== null) ? values : null;
  };
  const [pv, ev] = [measured("pv_w"), measured("ev_w")];
  if (pv === null && ev === null) return load;
  return load.map((w, at) => {
    const [solarW, carW] = [pv === null ? 0 : pv[at], ev === null ? 0 : ev[at]];
    return w === null || solarW == null || carW == null ? null : w + solarW - carW;
  });
}

/** The limits in amps as they are set now, once each. */
function fuses(home: SystemState, length: number, measured: number): Series[] {
  if (measured === 0) return [];
  const limits = new Set(Object.values(home.grid.phases).map((phase) => phase.operating_limit_a));
  return [...limits].map((a) => ({
    label: t.history.series.limitNow,
    values: Array.from({ length }, () => a),
    colour: "alarm",
    dashed: true,
    format: amps,
  }));
}

/** The chart in words, for who does not see it: from, to, and of each line how low, how high and on average. */
export function summary(title: string, [from, to]: Range, series: readonly Series[]): string {
  const lines = series
    .filter(({ dashed }) => dashed !== true)
    .map((one) => {
      const known = one.values.filter((value) => value !== null);
      if (known.length === 0) return "";
      const format = one.format ?? ((value) => (value === null ? DASH : number(value)));
      const lowest = (one.min ?? one.values).reduce<number>(lower, Infinity);
      const highest = (one.max ?? one.values).reduce<number>(higher, -Infinity);
      const average = known.reduce((sum, value) => sum + value, 0) / known.length;
      return t.history.extent(one.label, format(lowest), format(highest), format(average));
    });
  return [t.history.chartOf(title, moment(from), moment(to)), ...lines].join(" ").trim();
}

const lower = (so: number, value: number | null): number => (value === null ? so : Math.min(so, value));
const higher = (so: number, value: number | null): number => (value === null ? so : Math.max(so, value));

/** "22 Nov, 13:55". */
export function moment(at: number): string {
  const date = new Date(at * 1000);
  return `${day(date)}, ${timeOfDay(date)}`;
}

/** The resolution of what is shown. */
export const stepText = (stepS: number): string => duration(stepS);

/** A stretch no shorter and no longer than there is something to see, and not in the future. */
export function bounded([from, to]: Range, now: number): Range {
  const width = Math.min(LONGEST_S, Math.max(SHORTEST_S, to - from));
  const end = Math.min(now, (from + to) / 2 + width / 2);
  return [end - width, end];
}

/** How often to ask again while the end of the chart is now. */
export function cadenceMs(width: number): number {
  if (width <= 2 * SPAN_S.hour) return 10_000;
  return width <= 2 * SPAN_S.day ? 60_000 : 300_000;
}

/** A little more than what is shown, so that panning does not begin with an empty edge. */
export function around([from, to]: Range, now: number): Range {
  const margin = (to - from) / 4;
  return [Math.floor(from - margin), Math.ceil(Math.min(now, to + margin))];
}

/** What the strategies are called, what they do, and how prices, plan and windows are drawn. */

import type { Series, Shade } from "./chart";
import { isZero, number, power, price, timeOfDay } from "./format";
import { t } from "./i18n";
import type { Json, Path, Schema } from "./settings";
import type { StrategyState, SystemState } from "./state";

export const FULL_STOP = "full-stop";

/** What runs while the control core does not know enough to follow any strategy. */
const SAFE = "safe";

/** Its title; a strategy from elsewhere has its kebab-case name as words. */
export function title(name: string): string {
  const words = name.replaceAll("-", " ");
  return t.strategy.names[name] ?? words.charAt(0).toUpperCase() + words.slice(1);
}

/** One sentence or two, with the target where the grid is held at another one than 0 W. */
export function describe(name: string, targetW: number): string {
  const sentence = t.strategy.sentences[name] ?? "";
  if (name !== "self-consumption" || isZero(targetW)) return sentence;
  const aim = targetW > 0 ? t.strategy.aimsImport(power(targetW)) : t.strategy.aimsExport(power(targetW));
  return `${sentence} ${aim}`;
}

/** What runs instead of what was selected, and why, as a sentence; null when both are the same. */
export function running({ selected, executing, why }: StrategyState): string | null {
  if (executing === selected) return null;
  if (executing === SAFE) return t.strategy.safe;
  const name = title(executing);
  switch (why) {
    case "load":
      return t.strategy.runsLoad(name);
    case "time":
      return t.strategy.runsTime(name);
    case "price":
      return t.strategy.runsPrice(name);
    case "no-price":
      return t.strategy.runsNoPrice(name);
    case "handed-over":
      return WITH_GOAL.has(selected) ? t.strategy.runsGoal(name) : t.strategy.runsHandedOver(name, title(selected));
    default:
      return t.strategy.runs(name);
  }
}

/** Those that hand over when their goal is reached. */
const WITH_GOAL = new Set(["charge", "sell"]);

/** Where the settings of a strategy are: a section, or keys of `control` that others share. */
export function settingsOf(name: string, schema: Schema): { path: Path; keys: string[] | null } | null {
  const own = schema.properties?.["control"]?.properties?.[name];
  if (own?.type === "object") return { path: ["control", name], keys: null };
  const keys = SHARED[name];
  return keys === undefined ? null : { path: ["control"], keys };
}

const SHARED: Record<string, string[]> = {
  "self-consumption": ["target_grid_w", "regulate"],
  "charge-pv": ["target_grid_w", "regulate"],
  "zero-import": ["target_grid_w", "regulate"],
  "full-stop": ["relief_in_full_stop"],
};

export type Mark = "charge" | "discharge" | "pv" | null;

interface Interval {
  /** ISO 8601, UTC. */
  start: string;
  end: string;
}

export interface PriceInterval extends Interval {
  buy_eur_kwh: number;
  sell_eur_kwh: number;
  mark: Mark;
}

export interface PlanInterval extends Interval {
  action: string;
  power_w: number;
  soc_pct: number | null;
}

export interface WindowInterval extends Interval {
  strategy: string;
}

export interface PowerInterval extends Interval {
  power_w: number;
}

/** GET /api/v1/outlook. */
export interface Outlook {
  time: string;
  prices: PriceInterval[];
  plan: PlanInterval[];
  /** Of all batteries together, now. */
  soc_pct: number | null;
  windows: WindowInterval[];
  pv_forecast: PowerInterval[];
  load_forecast: PowerInterval[];
}

export function seconds(iso: string): number {
  return Date.parse(iso) / 1000;
}

export interface Drawing {
  times: number[];
  series: Series[];
}

/** Prices as steps coloured by what they are good for, and the planned charge of the batteries beside them. */
export function pricesDrawn({ prices, plan, soc_pct }: Outlook): Drawing {
  const last = prices.at(-1);
  if (last === undefined) return { times: [], series: [] };
  const borders = [...prices.map((one) => seconds(one.start)), seconds(last.end)];
  const times = [...new Set([...borders, ...plan.flatMap(({ start, end }) => [seconds(start), seconds(end)])])];
  times.sort((a, b) => a - b);
  const inCents = (key: "buy_eur_kwh" | "sell_eur_kwh"): (number | null)[] =>
    held(times, prices).map((one) => (one === null ? null : one[key] * 100));
  const format = (value: number | null): string => price(value === null ? null : value / 100);
  const series: Series[] = [
    {
      label: t.strategy.price,
      values: inCents("buy_eur_kwh"),
      colour: "ink-2",
      shape: "step",
      format,
    },
  ];
  const separate = prices.some((one) => one.buy_eur_kwh !== one.sell_eur_kwh);
  if (separate)
    series.push({
      label: t.strategy.sellPrice,
      values: inCents("sell_eur_kwh"),
      colour: "export",
      shape: "step",
      dashed: true,
      format,
    });
  if (plan.length > 0)
    series.push({
      label: t.strategy.soc,
      values: plannedSoc(times, plan, soc_pct),
      colour: "battery",
      scale: "right",
      format: (value) => (value === null ? "–" : `${number(value)} %`),
    });
  return { times, series };
}

/** At each time the interval that it lies in; at the end of the last one, that. */
function held<T extends Interval>(times: number[], intervals: T[]): (T | null)[] {
  const last = intervals.at(-1);
  return times.map((at) => {
    if (last !== undefined && at === seconds(last.end)) return last;
    return intervals.find((one) => seconds(one.start) <= at && at < seconds(one.end)) ?? null;
  });
}

/** The planned charge at every time of the plan, from what is stored now; evenly within an interval. */
export function plannedSoc(times: number[], plan: PlanInterval[], nowPct: number | null): (number | null)[] {
  const first = plan[0];
  if (first === undefined) return times.map(() => null);
  const points = [
    { at: seconds(first.start), pct: nowPct },
    ...plan.map((one) => ({ at: seconds(one.end), pct: one.soc_pct })),
  ];
  return times.map((at) => {
    const next = points.findIndex((point) => point.at >= at);
    const [from, to] = [points[next - 1], points[next]];
    if (to === undefined || to.at === at) return to?.pct ?? null;
    if (from === undefined || from.pct === null || to.pct === null) return null;
    return from.pct + ((to.pct - from.pct) * (at - from.at)) / (to.at - from.at);
  });
}

export type Shaded = Exclude<Mark, null>;

const COLOURS: Record<Shaded, Shade["colour"]> = { charge: "battery", pv: "pv", discharge: "import" };

/** The word of a mark, as in the legend below the chart; a plan does it, a price is good for it. */
export function markWord(mark: Shaded, planned: boolean): string {
  const words = planned ? t.strategy.planned : t.strategy.goodFor;
  return words[mark];
}

/** Stretches of marked prices, those that touch as one. */
export function priceShades(prices: PriceInterval[]): (Shade & { mark: Shaded })[] {
  const shades: (Shade & { mark: Shaded })[] = [];
  for (const { start, end, mark } of prices) {
    if (mark === null) continue;
    const before = shades.at(-1);
    if (before !== undefined && before.mark === mark && before.to === seconds(start)) before.to = seconds(end);
    else shades.push({ mark, from: seconds(start), to: seconds(end), colour: colourOf(mark) });
  }
  return shades;
}

export function colourOf(mark: Shaded): Shade["colour"] {
  return COLOURS[mark];
}

/** The chart in a sentence, for who hears the page. */
export function pricesSummary(prices: PriceInterval[]): string {
  const [first, last] = [prices[0], prices.at(-1)];
  if (first === undefined || last === undefined) return t.strategy.pricesNone;
  const buys = prices.map((one) => one.buy_eur_kwh);
  return t.strategy.pricesChart(
    timeOfDay(new Date(first.start)),
    timeOfDay(new Date(last.end)),
    price(Math.min(...buys)),
    price(Math.max(...buys)),
  );
}

/** What is expected of sun and house, and planned for the batteries (charging positive), in W over time. */
export function expectedDrawn({ pv_forecast, load_forecast, plan }: Outlook): Drawing {
  const at = [...pv_forecast, ...load_forecast, ...plan].flatMap(({ start, end }) => [seconds(start), seconds(end)]);
  const times = [...new Set(at)].sort((a, b) => a - b);
  const on = (intervals: PowerInterval[]): (number | null)[] =>
    held(times, intervals).map((one) => one?.power_w ?? null);
  const series: Series[] = [];
  if (pv_forecast.length > 0)
    series.push({ label: t.strategy.pvForecast, values: on(pv_forecast), colour: "pv", shape: "step", filled: true, format: power });
  if (load_forecast.length > 0)
    series.push({ label: t.strategy.loadForecast, values: on(load_forecast), colour: "house", shape: "step", format: power });
  if (plan.length > 0)
    series.push({ label: t.strategy.planPower, values: on(plan), colour: "battery", shape: "step", filled: true, format: batteryPower });
  return { times, series };
}

function batteryPower(w: number | null): string {
  if (w === null || isZero(w)) return power(w);
  return w > 0 ? t.strategy.charging(power(w)) : t.strategy.discharging(power(w));
}

/** A limit in W; null: not known, "none": there is none. */
export type Limit = number | null | "none";

export interface LimitRow {
  /** Of a phase; null: the whole home. */
  name: string | null;
  importW: Limit;
  exportW: Limit;
}

/** What every strategy stays inside. `peak`: what the settings say of the home; null while they are not known. */
export function limitsOf(home: SystemState, peak: readonly [Json | undefined, Json | undefined] | null): LimitRow[] {
  const given = (value: Json | undefined): Limit => (typeof value === "number" ? value : "none");
  const total = { name: null, importW: peak && given(peak[0]), exportW: peak && given(peak[1]) };
  const phases = home.protection.active ? Object.entries(home.grid.phases) : [];
  return [
    total,
    ...phases.map(([name, { limit_hi_w, limit_lo_w }]) => ({ name, importW: limit_hi_w, exportW: limit_lo_w })),
  ];
}

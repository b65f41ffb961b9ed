/** What the strategies are called, what they do, and how prices, plan and windows are drawn. */

import type { Series, Shade } from "./chart";
import { gridWord, isZero, number, power, price, timeOfDay } from "./format";
import { t } from "./i18n";
import type { StrategyState } from "./state";

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
  return `${sentence} ${t.strategy.aims(gridWord(targetW), power(targetW))}`;
}

/** What runs instead of what was selected, as a sentence; null when both are the same. */
export function running({ selected, executing }: StrategyState): string | null {
  if (executing === selected) return null;
  return executing === SAFE ? t.strategy.safe : t.strategy.runs(title(executing));
}

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
export function pricesDrawn({ prices, plan }: Outlook): Drawing {
  const last = prices.at(-1);
  if (last === undefined) return { times: [], series: [] };
  const times = [...prices.map((one) => seconds(one.start)), seconds(last.end)];
  const inCents = (eurKwh: number): number => eurKwh * 100;
  const format = (value: number | null): string => price(value === null ? null : value / 100);
  const series: Series[] = [
    {
      label: t.strategy.price,
      values: [...prices.map((one) => inCents(one.buy_eur_kwh)), inCents(last.buy_eur_kwh)],
      colour: "ink-2",
      shape: "step",
      format,
    },
  ];
  const separate = prices.some((one) => one.buy_eur_kwh !== one.sell_eur_kwh);
  if (separate)
    series.push({
      label: t.strategy.sellPrice,
      values: [...prices.map((one) => inCents(one.sell_eur_kwh)), inCents(last.sell_eur_kwh)],
      colour: "export",
      shape: "step",
      dashed: true,
      format,
    });
  const socs = new Map(plan.map((one) => [seconds(one.end), one.soc_pct]));
  if (plan.length > 0)
    series.push({
      label: t.strategy.soc,
      values: between(times, socs),
      colour: "battery",
      scale: "right",
      format: (value) => (value === null ? "–" : `${number(value)} %`),
    });
  return { times, series };
}

/** The planned charge at the borders of prices: plans are in quarters of an hour, prices may be in hours. */
function between(times: number[], known: Map<number, number | null>): (number | null)[] {
  return times.map((at) => known.get(at) ?? null);
}

/** What is worth shading: storing the sun is what happens all the time otherwise. */
export type Shaded = "charge" | "discharge";

const COLOURS: Record<Shaded, Shade["colour"]> = { charge: "battery", discharge: "import" };

/** The word of a mark, as in the legend below the chart. */
export function markWord(mark: Shaded): string {
  return { charge: t.strategy.cheap, discharge: t.strategy.dear }[mark];
}

/** Stretches of marked prices, those that touch as one. */
export function priceShades(prices: PriceInterval[]): (Shade & { mark: Shaded })[] {
  const shades: (Shade & { mark: Shaded })[] = [];
  for (const { start, end, mark } of prices) {
    if (mark !== "charge" && mark !== "discharge") continue;
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

/** What is expected of sun and house, in W over time. */
export function expectedDrawn({ pv_forecast, load_forecast }: Outlook): Drawing {
  const at = [...pv_forecast, ...load_forecast].map((one) => seconds(one.start));
  const times = [...new Set(at)].sort((a, b) => a - b);
  const on = (intervals: PowerInterval[]): (number | null)[] => {
    const known = new Map(intervals.map((one) => [seconds(one.start), one.power_w]));
    return times.map((time) => known.get(time) ?? null);
  };
  const series: Series[] = [];
  if (pv_forecast.length > 0)
    series.push({ label: t.strategy.pvForecast, values: on(pv_forecast), colour: "pv", shape: "step", filled: true, format: power });
  if (load_forecast.length > 0)
    series.push({ label: t.strategy.loadForecast, values: on(load_forecast), colour: "house", shape: "step", format: power });
  return { times, series };
}

export interface Stretch {
  name: string;
  from: string;
  to: string;
  /** Shares of the day, 0 to 1. */
  begins: number;
  lasts: number;
  now: boolean;
}

/** The windows of a local day as shares of it; a day of 23 or 25 hours too. */
export function windowsDrawn(windows: WindowInterval[], now: number): Stretch[] {
  const [first, last] = [windows[0], windows.at(-1)];
  if (first === undefined || last === undefined) return [];
  const [begin, end] = [seconds(first.start), seconds(last.end)];
  return windows.map((one) => {
    const [from, to] = [seconds(one.start), seconds(one.end)];
    return {
      name: title(one.strategy),
      from: timeOfDay(new Date(one.start)),
      to: timeOfDay(new Date(one.end)),
      begins: (from - begin) / (end - begin),
      lasts: (to - from) / (end - begin),
      now: from <= now && now < to,
    };
  });
}

/** Where now is in a day of windows, 0 to 1; null outside. */
export function nowShare(windows: WindowInterval[], now: number): number | null {
  const [first, last] = [windows[0], windows.at(-1)];
  if (first === undefined || last === undefined) return null;
  const [begin, end] = [seconds(first.start), seconds(last.end)];
  return now >= begin && now < end ? (now - begin) / (end - begin) : null;
}

import { expect, test } from "vitest";

import {
  describe,
  expectedDrawn,
  limitsOf,
  markWord,
  plannedSoc,
  pricesDrawn,
  pricesSummary,
  priceShades,
  running,
  settingsOf,
  title,
  type Outlook,
  type PriceInterval,
} from "../src/lib/strategy";
import { home } from "./states";

const NOTHING: Outlook = { time: "", prices: [], plan: [], soc_pct: null, windows: [], pv_forecast: [], load_forecast: [] };

function at(hour: number): string {
  return new Date(Date.UTC(2026, 5, 1, hour)).toISOString();
}

function hour(from: number, buy: number, mark: PriceInterval["mark"] = null, sell = buy): PriceInterval {
  return { start: at(from), end: at(from + 1), buy_eur_kwh: buy, sell_eur_kwh: sell, mark };
}

test("a strategy of someone else has its name as words", () => {
  expect([title("full-stop"), title("charge-pv"), title("my-own-plan")]).toEqual([
    "Full stop",
    "Charge PV",
    "My own plan",
  ]);
  expect(describe("my-own-plan", 0)).toBe("");
});

test("a grid target other than 0 W is said", () => {
  expect(describe("self-consumption", 0)).not.toContain("Aims");
  expect(describe("self-consumption", -50)).toContain("Aims at exporting 50 W.");
  expect(describe("self-consumption", 1200)).toContain("Aims at importing 1.20 kW.");
  expect(describe("standby", -50)).not.toContain("Aims");
});

test("what runs is said only when it is not what was selected", () => {
  const strategy = (executing: string, why: string | null = null, selected = "dynamic") => ({
    selected,
    executing,
    why,
    available: [],
    goal: null,
  });
  expect(running(strategy("dynamic"))).toBeNull();
  expect(running(strategy("charge-pv"))).toBe("Running now: Charge PV.");
  expect(running(strategy("safe", "meter"))).toContain("until the meter is heard");
  expect(running(strategy("charge", "time", "timed"))).toBe("Running now: Charge, as the time windows say.");
  expect(running(strategy("charge-pv", "handed-over", "charge"))).toBe("Running now: Charge PV, as the goal is reached.");
  const said = ["load", "time", "price", "no-price", "handed-over"].map((why) => running(strategy("standby", why)));
  expect(new Set(said).size).toBe(5);
});

test("prices are steps that hold until the end of the last interval", () => {
  const { times, series } = pricesDrawn({ ...NOTHING, prices: [hour(0, 0.1), hour(1, 0.25)] });
  expect(times.map((time) => time - (times[0] ?? 0))).toEqual([0, 3600, 7200]);
  expect(series.map((one) => one.values)).toEqual([[10, 25, 25]]);
  expect(pricesDrawn(NOTHING)).toEqual({ times: [], series: [] });
});

test("what feeding in earns is drawn only where it is another price", () => {
  expect(pricesDrawn({ ...NOTHING, prices: [hour(0, 0.1, null, 0.02)] }).series.map((one) => one.values)).toEqual([
    [10, 10],
    [2, 2],
  ]);
});

test("the planned charge begins with what is stored now and is there at every time of the plan", () => {
  // A plan in hours from half past on, beside prices in hours.
  const half = (n: number): string => new Date(Date.UTC(2026, 5, 1, n, 30)).toISOString();
  const step = (n: number, soc_pct: number) => ({ start: half(n), end: half(n + 1), action: "charge", power_w: 900, soc_pct });
  const outlook = { ...NOTHING, prices: [hour(0, 0.1), hour(1, 0.2), hour(2, 0.3)], plan: [step(0, 60), step(1, 80)], soc_pct: 40 };
  const { times, series } = pricesDrawn(outlook);
  expect(times.map((time) => (time - (times[0] ?? 0)) / 3600)).toEqual([0, 0.5, 1, 1.5, 2, 2.5, 3]);
  expect(series[0]?.values).toEqual([10, 10, 20, 20, 30, 30, 30]);
  expect(series.at(-1)?.values).toEqual([null, 40, 50, 60, 70, 80, null]);
  expect(plannedSoc(times, outlook.plan, null)).toEqual([null, null, null, 60, 70, 80, null]);
});

test("marked stretches that touch are one, the sun alone is marked too", () => {
  const prices = [hour(0, 1, "charge"), hour(1, 1, "charge"), hour(2, 3, "pv"), hour(3, 5, "discharge"), hour(4, 5), hour(5, 5, "discharge")];
  const hours = priceShades(prices).map(({ mark, from, to }) => [mark, (to - from) / 3600]);
  expect(hours).toEqual([
    ["charge", 2],
    ["pv", 1],
    ["discharge", 1],
    ["discharge", 1],
  ]);
  expect(markWord("pv", false)).not.toBe(markWord("pv", true));
});

test("the chart is said in a sentence with its lowest and highest price", () => {
  expect(pricesSummary([hour(0, 0.1), hour(1, 0.25)])).toContain("between 10.0 ct/kWh and 25.0 ct/kWh");
});

test("sun and house are drawn over all their times, with gaps where nothing is known", () => {
  const { times, series } = expectedDrawn({
    ...NOTHING,
    pv_forecast: [{ start: at(1), end: at(2), power_w: 500 }],
    load_forecast: [
      { start: at(0), end: at(1), power_w: 200 },
      { start: at(1), end: at(2), power_w: 300 },
    ],
  });
  expect(times).toHaveLength(3);
  expect(series.map((one) => one.values)).toEqual([
    [null, 500, 500],
    [200, 300, 300],
  ]);
});

test("the batteries of a plan are drawn beside sun and house, and which way they work is said", () => {
  const plan = [{ start: at(0), end: at(1), action: "discharge", power_w: -900, soc_pct: 60 }];
  const { series } = expectedDrawn({ ...NOTHING, plan });
  expect(series.map((one) => one.values)).toEqual([[-900, -900]]);
  expect(series[0]?.format?.(-900)).toBe("discharging 900 W");
});

test("a strategy's settings are its section, or keys that it shares", () => {
  const section = { type: "object", properties: {} };
  const schema = { properties: { control: { properties: { "charge": section, "my-own": section, "strategy": { type: "string" } } } } };
  expect(settingsOf("charge", schema)).toEqual({ path: ["control", "charge"], keys: null });
  expect(settingsOf("my-own", schema)).toEqual({ path: ["control", "my-own"], keys: null });
  expect(settingsOf("zero-import", schema)?.keys).toContain("target_grid_w");
  expect(settingsOf("standby", schema)).toBeNull();
});

test("limits are those of the home, and of the phases while protection acts", () => {
  const off = home({}, [{ limit_hi_w: 5500, limit_lo_w: -5500 }]);
  expect(limitsOf(off, [4000, null])).toEqual([{ name: null, importW: 4000, exportW: "none" }]);
  const on = { ...off, protection: { ...off.protection, active: true } };
  expect(limitsOf(on, null)).toEqual([
    { name: null, importW: null, exportW: null },
    { name: "L1", importW: 5500, exportW: -5500 },
  ]);
});

import { expect, test } from "vitest";

import {
  describe,
  expectedDrawn,
  nowShare,
  pricesDrawn,
  pricesSummary,
  priceShades,
  running,
  title,
  windowsDrawn,
  type Outlook,
  type PriceInterval,
} from "../src/lib/strategy";

const NOTHING: Outlook = { time: "", prices: [], plan: [], windows: [], pv_forecast: [], load_forecast: [] };

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
  expect(describe("standby", -50)).not.toContain("Aims");
});

test("what runs is said only when it is not what was selected", () => {
  const strategy = (executing: string) => ({ selected: "dynamic", executing, available: [], goal: null });
  expect(running(strategy("dynamic"))).toBeNull();
  expect(running(strategy("charge-pv"))).toBe("Running now: Charge PV.");
  expect(running(strategy("safe"))).toContain("until the meter is heard");
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

test("the planned charge stands where a stretch of the plan ends", () => {
  const plan = [{ start: at(0), end: at(1), action: "charge", power_w: 900, soc_pct: 60 }];
  const { series } = pricesDrawn({ ...NOTHING, prices: [hour(0, 0.1), hour(1, 0.2)], plan });
  expect(series.at(-1)?.values).toEqual([null, 60, null]);
});

test("marked stretches that touch are one", () => {
  const prices = [hour(0, 1, "charge"), hour(1, 1, "charge"), hour(2, 3, "pv"), hour(3, 5, "discharge"), hour(4, 5, "charge")];
  const hours = priceShades(prices).map(({ mark, from, to }) => [mark, (to - from) / 3600]);
  expect(hours).toEqual([
    ["charge", 2],
    ["discharge", 1],
    ["charge", 1],
  ]);
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
  expect(times).toHaveLength(2);
  expect(series.map((one) => one.values)).toEqual([
    [null, 500],
    [200, 300],
  ]);
});

test("windows are shares of the day, however long it is", () => {
  // The day on which clocks go back has 25 hours.
  const windows = [
    { start: at(0), end: at(5), strategy: "charge" },
    { start: at(5), end: at(25), strategy: "my-own" },
  ];
  const now = Date.parse(at(10)) / 1000;
  expect(windowsDrawn(windows, now).map(({ name, begins, lasts, now: runs }) => [name, begins, lasts, runs])).toEqual([
    ["Charge", 0, 0.2, false],
    ["My own", 0.2, 0.8, true],
  ]);
  expect(nowShare(windows, now)).toBe(0.4);
  expect(nowShare(windows, now + 86_400)).toBeNull();
  expect(windowsDrawn([], now)).toEqual([]);
});

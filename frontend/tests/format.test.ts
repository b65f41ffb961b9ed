import { expect, test } from "vitest";

import { told } from "../src/lib/battery";
import {
  amps,
  batteryWord,
  clock,
  DASH,
  duration,
  gridDirection,
  gridWord,
  houseWord,
  list,
  percent,
  power,
  since,
  volts,
} from "../src/lib/format";

test("an unknown value is a dash, never 0", () => {
  expect([power(null), amps(null), volts(null), percent(null)]).toEqual([DASH, DASH, DASH, DASH]);
  expect(told(null)).toBe(`told ${DASH}`);
  expect([gridWord(null), batteryWord(null), houseWord(null)]).toEqual(["Unknown", "Unknown", "Unknown"]);
});

test.each([
  [0, "0 W"],
  [-0.4, "0 W"],
  [999.4, "999 W"],
  [999.6, "1.00 kW"],
  [-1234, "1.23 kW"],
  [17_250, "17.25 kW"],
])("%d W is shown as %s", (w, text) => {
  expect(power(w)).toBe(text);
});

test("directions follow the sign: positive is import, and charging", () => {
  expect([gridWord(1), gridWord(-1), gridWord(0)]).toEqual(["Importing", "Exporting", "Balanced"]);
  expect([batteryWord(1), batteryWord(-1), batteryWord(0)]).toEqual(["Charging", "Discharging", "Idle"]);
  expect([houseWord(1), houseWord(-1)]).toEqual(["Using", "Surplus"]);
  expect([told(1250), told(-600), told(0)]).toEqual([
    "told to charge 1.25 kW",
    "told to discharge 600 W",
    "told to stay at 0 W",
  ]);
});

test("a direction is for sentences of every language", () => {
  expect([5, -5, 0.2, null].map(gridDirection)).toEqual(["import", "export", "none", "unknown"]);
});

test("a current keeps the resolution of the meter", () => {
  expect([amps(7), amps(7.25)]).toEqual(["7 A", "7.3 A"]);
});

test("durations are in the largest whole unit", () => {
  expect([-1, 59.9, 60, 3599, 3600, 86_400, 200_000].map(duration)).toEqual([
    "0 s",
    "59 s",
    "1 min",
    "59 min",
    "1 h",
    "1 day",
    "2 days",
  ]);
});

test("the time something began carries the date unless it was today", () => {
  const began = new Date(2026, 5, 21, 8, 5);
  expect(since(began.toISOString(), new Date(2026, 5, 21, 23, 0))).toBe("08:05");
  expect(since(began.toISOString(), new Date(2026, 5, 22, 0, 1))).toBe("21 Jun, 08:05");
  expect(clock(began.toISOString())).toBe("08:05:00");
  expect(clock("soon")).toBe(DASH);
});

test("names are listed as in speech", () => {
  expect([list([]), list(["a"]), list(["a", "b"]), list(["a", "b", "c"])]).toEqual([
    "",
    "a",
    "a and b",
    "a, b and c",
  ]);
});

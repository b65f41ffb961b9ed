import { expect, test } from "vitest";

import {
  DAY_MIN,
  dayText,
  daysText,
  doubledOn,
  freeSpan,
  localTime,
  overlapsOf,
  partsOf,
  spanText,
  WEEK,
  windowsIn,
  type Window,
} from "../src/lib/timetable";

const H = 60;
const EVERY = [...WEEK];

function window(start: number, end: number, strategy = "charge", days = EVERY): Window {
  return { start: start * H, end: end * H, strategy, days };
}

const shape = (windows: Window[], day: (typeof WEEK)[number] = "mon") =>
  partsOf(windows, "rest", day).map(({ from, to, strategy }) => [from / H, to / H, strategy]);

test("a day without windows is all the default's", () => {
  expect(shape([])).toEqual([[0, 24, "rest"]]);
});

test("the first window that fits counts, and what is between them is the default's", () => {
  expect(shape([window(17, 20, "sell"), window(18, 22, "charge")])).toEqual([
    [0, 17, "rest"],
    [17, 20, "sell"],
    [20, 22, "charge"],
    [22, 24, "rest"],
  ]);
});

test("a window over midnight belongs to the day on which it begins", () => {
  const friday = [window(23, 6, "standby", ["fri"])];
  expect(shape(friday, "fri")).toEqual([
    [0, 23, "rest"],
    [23, 24, "standby"],
  ]);
  expect(shape(friday, "sat")).toEqual([
    [0, 6, "standby"],
    [6, 24, "rest"],
  ]);
  expect(shape([window(23, 6, "standby", ["sun"])], "mon")[0]).toEqual([0, 6, "standby"]);
  expect(shape([window(22, 0, "standby", ["fri"])], "sat")).toEqual([[0, 24, "rest"]]);
});

test("midnight to midnight, and any hour to the same, is a whole day", () => {
  expect(shape([window(0, 24)])).toEqual([[0, 24, "charge"]]);
  expect(shape([window(0, 0)])).toEqual([[0, 24, "charge"]]);
  expect(shape([window(7, 7, "charge", ["mon"])], "tue")).toEqual([
    [0, 7, "charge"],
    [7, 24, "rest"],
  ]);
});

test("at every minute of every day what is drawn is what the first fitting window says", () => {
  const windows = [window(22, 2, "a", ["mon", "sat"]), window(1, 5, "b"), window(4, 23, "c", ["tue", "sun"]), window(9, 9, "d", ["wed"])];
  for (const [index, day] of WEEK.entries()) {
    const yesterday = WEEK[(index + 6) % 7] ?? day;
    const parts = partsOf(windows, "rest", day);
    expect(parts[0]?.from).toBe(0);
    expect(parts.at(-1)?.to).toBe(DAY_MIN);
    for (let minute = 0; minute < DAY_MIN; minute += 30) {
      const fits = windows.find(({ start, end, days }) => {
        const [from, to] = [start ?? 0, end ?? 0];
        if (from < to) return days.includes(day) && from <= minute && minute < to;
        return (days.includes(day) && minute >= from) || (days.includes(yesterday) && minute < to);
      });
      const drawn = parts.find(({ from, to }) => from <= minute && minute < to);
      expect(drawn?.strategy).toBe(fits?.strategy ?? "rest");
    }
  }
});

test("where another window goes first is told once, whatever the number of days", () => {
  const windows = [window(17, 19, "sell"), window(18, 20), window(20, 21)];
  expect(overlapsOf(windows, 1)).toEqual([{ from: 18 * H, to: 19 * H, by: 0 }]);
  expect(overlapsOf(windows, 0)).toEqual([]);
  expect(overlapsOf(windows, 2)).toEqual([]);
  expect(doubledOn(windows, "wed")).toEqual([{ from: 18 * H, to: 19 * H, by: 0 }]);
  const thrice = [window(17, 19), window(17, 19), window(17, 19)];
  expect(doubledOn(thrice, "wed")).toHaveLength(2);
  const apart = [window(17, 19, "sell", ["mon"]), window(18, 20, "charge", ["tue"])];
  expect(overlapsOf(apart, 1)).toEqual([]);
});

test("a new window begins where the day is free", () => {
  expect(freeSpan([], "mon")).toEqual({ start: "00:00", end: "03:00" });
  expect(freeSpan([window(0, 6), window(7, 23)], "mon")).toEqual({ start: "06:00", end: "07:00" });
  expect(freeSpan([window(0, 22)], "mon")).toEqual({ start: "22:00", end: "24:00" });
});

test("what is not right yet is not drawn", () => {
  const [wrong] = windowsIn([{ start: "", end: "07:00", days: ["mon", "noday"], strategy: "charge" }]);
  expect(wrong).toEqual({ start: null, end: 420, days: ["mon"], strategy: "charge" });
  expect(shape(wrong === undefined ? [] : [wrong])).toEqual([[0, 24, "rest"]]);
  expect(windowsIn(undefined)).toEqual([]);
});

test("the clock is that of the home, also in summer and across midnight", () => {
  expect(localTime(new Date("2026-06-01T22:30:00Z"), "Europe/Amsterdam")).toEqual({ day: "tue", minute: 30 });
  expect(localTime(new Date("2026-12-06T22:30:00Z"), "Europe/Amsterdam")).toEqual({ day: "sun", minute: 23 * H + 30 });
});

test("windows are said in few words", () => {
  expect(spanText(window(23, 6))).toBe("23:00 to 06:00 the next day");
  expect(spanText(window(1, 5))).toBe("01:00 to 05:00");
  expect(spanText(window(0, 24))).toBe("24 hours from 00:00");
  expect(daysText(EVERY)).toBe("Every day");
  expect(daysText(["mon", "tue", "wed", "thu", "fri"])).toBe("Monday to Friday");
  expect(daysText(["mon", "wed"])).toBe("Mon and Wed");
  expect(dayText(partsOf([window(0, 12)], "standby", "sun"), "sun")).toBe(
    "Sunday: 00:00 to 12:00 Charge and 12:00 to 24:00 Standby.",
  );
});

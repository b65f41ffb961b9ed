import { expect, test } from "vitest";

import { fresh, identity, known } from "../src/lib/alarms";
import { alarm } from "./states";

test("a severity that is not known yet is a warning", () => {
  expect(["info", "warning", "alarm", "new"].map(known)).toEqual(["info", "warning", "alarm", "warning"]);
});

test("only a new warning or alarm that nobody has acknowledged is news", () => {
  const [lost, odd] = [alarm("alarm", "Lost."), alarm("warning", "Odd.", { code: "odd" })];
  const notice = alarm("info", "By the way.", { code: "notice" });
  const acknowledged = alarm("alarm", "Seen.", { code: "seen", acknowledged: true });
  const all = [lost, odd, notice, acknowledged];
  expect(fresh(all, new Set())).toEqual([lost, odd]);
  expect(fresh(all, new Set([identity(lost)]))).toEqual([odd]);
});

test("other words are the same alarm, another beginning is not", () => {
  const first = alarm("alarm", "Lost for 3 s.");
  expect(identity({ ...first, text: "Lost for 4 s." })).toBe(identity(first));
  expect(identity({ ...first, since: "2026-06-21T12:30:00Z" })).not.toBe(identity(first));
  expect(identity({ ...first, subject: "m1" })).not.toBe(identity(first));
});

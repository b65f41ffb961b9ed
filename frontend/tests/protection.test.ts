import { expect, test } from "vitest";

import { firstAssignment, isHot, phaseLines, protectionText, room } from "../src/lib/protection";
import type { PhaseState, ProtectionState } from "../src/lib/state";
import { battery, home, phase } from "./states";

const texts = (changes: Partial<PhaseState>): string[] => phaseLines(phase(changes)).map(({ text }) => text);
const on: ProtectionState = { enabled: true, active: true, unassigned: "worst-case" };

test("a phase says how much room it has in both directions", () => {
  expect(room(phase({ headroom_import_a: 12.4, headroom_export_a: 34 }))).toEqual({
    import: "12.4 A import",
    export: "34 A export",
  });
});

test("outside its limits it says by how much, and in which direction", () => {
  expect(phaseLines(phase({ headroom_import_a: -2.5, headroom_export_a: 50 }))).toEqual([
    { text: "2.5 A over the import limit", strong: true },
  ]);
  expect(texts({ headroom_import_a: 50, headroom_export_a: -3 })).toEqual(["3 A over the export limit"]);
  expect(room(phase({ headroom_import_a: -2.5, headroom_export_a: 50 }))).toBeNull();
});

test("room is not said of a phase that nothing is known of", () => {
  for (const unknown of [{ freshness: "lost" }, { headroom_import_a: null }, { headroom_export_a: null }]) {
    expect(room(phase(unknown))).toBeNull();
  }
  expect(texts({ freshness: "lost", headroom_import_a: -3 })).toEqual([]);
});

test("relief and what is missing are said, the latter so that it is seen", () => {
  const lines = phaseLines(phase({ relief_w: -1700, missing_w: -400, binding: true }));
  expect(lines).toEqual([
    { text: "Needs to be lowered by 1.70 kW", strong: false },
    { text: "400 W more than batteries can do", strong: true },
  ]);
  expect(texts({ relief_w: 300 })).toEqual(["Needs to be raised by 300 W"]);
});

test("a limit that only holds back is a quieter matter", () => {
  expect(phaseLines(phase({ binding: true }))).toEqual([{ text: "Limit holds batteries back", strong: false }]);
});

test("a fuse is hot when half of what it bears is gone", () => {
  expect([0, 49.9, 50, 100].map((fuse_used_pct) => isHot(phase({ fuse_used_pct })))).toEqual([
    false,
    false,
    true,
    true,
  ]);
});

test("whether phases are protected is said only while it is switched on", () => {
  const assigned = [battery("m1", { phase: "L1" })];
  expect(protectionText(home({ batteries: assigned }))).toBeNull();
  expect(protectionText(home({ batteries: assigned, protection: on }))).toBe("Phase protection is on.");
  const idle = { ...on, active: false };
  expect(protectionText(home({ batteries: [battery("m1")], protection: idle }))).toContain(
    "no battery has a phase",
  );
  expect(protectionText(home({ batteries: assigned, protection: idle }))).toContain("see the alarm");
});

test("before the first battery gets a phase, it is said what that means for the others", () => {
  const [first, second, third] = [battery("m1"), battery("m2"), battery("m3")];
  const both = home({ batteries: [first, second, third], protection: on });
  expect(firstAssignment(both, first)).toContain("Until M2 and M3 have one too, they do only what is safe");
  const one = home({ batteries: [first, second], protection: on });
  expect(firstAssignment(one, first)).toContain("Until M2 has one too, it does only what is safe");
});

test("nothing is said where nothing changes for the others", () => {
  const pair = [battery("m1"), battery("m2")] as const;
  expect(firstAssignment(home({ batteries: [...pair] }), pair[0])).toBeNull();
  const assigned = [pair[0], battery("m2", { phase: "L2" })];
  expect(firstAssignment(home({ batteries: assigned, protection: on }), pair[0])).toBeNull();
  const aggregate = { ...on, unassigned: "aggregate" };
  expect(firstAssignment(home({ batteries: [...pair], protection: aggregate }), pair[0])).not.toContain("Until");
  expect(firstAssignment(home({ batteries: [pair[0]], protection: on }), pair[0])).not.toContain("Until");
});

/** The form of the settings: from the schema to fields, from what was changed to what is sent. */

import { describe, expect, test } from "vitest";

import { i18n } from "../src/lib/i18n";
import * as de from "../src/lib/i18n/de/settings";
import * as en from "../src/lib/i18n/en/settings";
import * as nl from "../src/lib/i18n/nl/settings";
import {
  agree,
  begun,
  blank,
  carried,
  changesOf,
  fieldOf,
  freshId,
  groupOf,
  lean,
  nameOf,
  numberFault,
  parseNumber,
  valueAt,
  withValue,
  type Schema,
  type Table,
} from "../src/lib/settings";
import { help, label, option, typedNumber } from "../src/lib/settingsWords";

const POWER: Schema = { anyOf: [{ type: "number", minimum: 0 }, { type: "null" }], default: null, "x-unit": "W" };
const BATTERY: Schema = {
  oneOf: [
    {
      type: "object",
      required: ["id", "driver", "url"],
      properties: {
        id: { type: "string" },
        driver: { const: "marstek" },
        url: { type: "string" },
        phase: { enum: ["L1", "unassigned"], type: "string", default: "unassigned" },
        max_charge_w: POWER,
      },
    },
  ],
};
const NORD_POOL: Schema = {
  type: "object",
  required: ["driver", "area"],
  properties: {
    driver: { const: "nord-pool" },
    area: { type: "string" },
    tariff: {
      type: "array",
      default: [],
      items: { type: "object", properties: { vat_pct: { type: "number", default: 0 }, from: { type: "string", default: "0001-01-01" } } },
    },
  },
};
const FILE: Schema = { type: "object", required: ["driver"], properties: { driver: { const: "file" } } };
const FUSE: Schema = {
  oneOf: [
    { type: "number", exclusiveMinimum: 0 },
    { type: "object", properties: { L1: { type: "number" }, L2: POWER, L3: POWER } },
  ],
  default: 25,
  "x-unit": "A",
};
const SCHEMA: Schema = {
  type: "object",
  properties: {
    site: { type: "object", properties: { name: { type: "string", default: "Home" }, main_fuse_a: FUSE } },
    batteries: { type: "array", items: BATTERY },
    control: {
      type: "object",
      properties: {
        peak: { type: "object", properties: { import_w: POWER } },
        priority: { type: "array", default: [], items: { type: "string", "x-format": "battery-id" } },
      },
    },
    prices: { oneOf: [NORD_POOL, FILE, { type: "null" }], default: null },
  },
};
const VALUES: Table = {
  site: { name: "Home", main_fuse_a: 25 },
  batteries: [
    { id: "m1", driver: "marstek", url: "tcp://a", phase: "L1", max_charge_w: 2500 },
    { id: "m2", driver: "marstek", url: "tcp://b", phase: "unassigned", max_charge_w: null },
  ],
  control: { peak: { import_w: null }, priority: [] },
  prices: { driver: "nord-pool", area: "NL", tariff: [{ vat_pct: 21, from: "0001-01-01" }] },
};

function after(...sets: [(string | number)[], Table[string]][]) {
  const values = sets.reduce<Table>((now, [path, value]) => withValue(now, path, value) as Table, VALUES);
  return changesOf(VALUES, values, SCHEMA);
}

describe("what a field is", () => {
  test.each([
    [POWER, "number", true],
    [FUSE, "per-phase", false],
    [{ type: "boolean" }, "switch", false],
    [{ type: "integer", enum: [1, 3] }, "choice", false],
    [{ type: "array", items: { type: "string" } }, "lines", false],
    [{ type: "array", items: { enum: ["mon"], type: "string" } }, "days", false],
    [{ type: "array", items: { type: "object" } }, "rows", false],
    [{ type: "object", additionalProperties: { type: "string" } }, "pairs", false],
    [{ anyOf: [NORD_POOL.properties!["tariff"]!.items!, { type: "null" }], default: null }, "optional", true],
    [SCHEMA.properties!["prices"]!, "variant", true],
  ] as [Schema, string, boolean][])("%#: %s", (schema, kind, nullable) => {
    const field = fieldOf(schema);
    expect([field.kind, field.nullable]).toEqual([kind, nullable]);
  });

  test("what a field says of itself goes before what its value says", () => {
    const field = fieldOf(POWER);
    expect(field.schema).toMatchObject({ type: "number", minimum: 0, "x-unit": "W", default: null });
    expect(Object.keys(fieldOf(FUSE).phases?.properties ?? {})).toEqual(["L1", "L2", "L3"]);
  });

  test("a new item begins with what is required and the defaults", () => {
    expect(blank(BATTERY)).toEqual({
      id: null, driver: "marstek", url: null, phase: "unassigned", max_charge_w: null,
    });
    const tariff = NORD_POOL.properties!["tariff"]!.items!;
    const { schema } = fieldOf({ anyOf: [tariff, { type: "null" }], default: null });
    expect(begun(schema)).toEqual({ vat_pct: 0, from: "0001-01-01" });
  });
});

describe("what is sent", () => {
  test("nothing, where nothing was changed", () => {
    expect(after()).toEqual([]);
    expect(after([["site", "name"], "x"], [["site", "name"], "Home"])).toEqual([]);
  });

  test("only the values that differ, each by its path", () => {
    expect(after([["control", "peak", "import_w"], 4000], [["batteries", "m2", "max_charge_w"], 1200])).toEqual([
      { path: ["batteries", "m2", "max_charge_w"], value: 1200 },
      { path: ["control", "peak", "import_w"], value: 4000 },
    ]);
    expect(after([["prices", "tariff", 0, "vat_pct"], 9])).toEqual([
      { path: ["prices", "tariff", 0, "vat_pct"], value: 9 },
    ]);
  });

  test("what is emptied is taken out of the file", () => {
    expect(after([["batteries", "m1", "max_charge_w"], null])).toEqual([
      { path: ["batteries", "m1", "max_charge_w"], remove: true },
    ]);
    expect(after([["prices"], null])).toEqual([{ path: ["prices"], remove: true }]);
  });

  test("a value for each phase goes as one", () => {
    expect(after([["site", "main_fuse_a"], { L1: 25, L2: 16, L3: 16 }])).toEqual([
      { path: ["site", "main_fuse_a"], value: { L1: 25, L2: 16, L3: 16 } },
    ]);
  });

  test("another source is another section, without its defaults", () => {
    expect(after([["prices"], { driver: "file" }])).toEqual([{ path: ["prices"], value: { driver: "file" } }]);
  });

  test("a list that became longer goes as a whole, without its defaults", () => {
    const list = [{ vat_pct: 21, from: "0001-01-01" }, { vat_pct: 0, from: "2027-01-01" }];
    expect(after([["prices", "tariff"], list])).toEqual([
      { path: ["prices", "tariff"], value: [{ vat_pct: 21 }, { from: "2027-01-01" }] },
    ]);
  });

  test("a battery is added and removed by its id, and a phase is never made up", () => {
    const [, second] = VALUES["batteries"] as Table[];
    const third = { ...(blank(BATTERY) as Table), id: "m3", url: "tcp://c" };
    expect(after([["batteries"], [second!, third]])).toEqual([
      { path: ["batteries", "m1"], remove: true },
      { path: ["batteries", "m3"], value: { driver: "marstek", url: "tcp://c" } },
    ]);
    expect(freshId(["m1", "m3"])).toBe("m2");
  });

  test("what is required stays when it is written anew", () => {
    expect(lean({ driver: "nord-pool", area: "", tariff: [] }, NORD_POOL)).toEqual({ driver: "nord-pool", area: "" });
  });
});

test("a value is found by the path that the daemon names", () => {
  expect(valueAt(VALUES, ["batteries", "m2", "url"])).toBe("tcp://b");
  expect(valueAt(VALUES, ["prices", "tariff", 0, "vat_pct"])).toBe(21);
  expect(valueAt(VALUES, ["batteries", "m9", "url"])).toBeUndefined();
});

test("each path has its group and its name", () => {
  expect(groupOf(["control", "phase_protection", "margin_a"])).toBe("protection");
  expect(groupOf(["control", "capacity_tariff", "target_w"])).toBe("peaks");
  expect(groupOf(["control", "priority"])).toBe("control");
  expect(groupOf(["batteries", "m1", "phase"])).toBe("batteries");
  expect(nameOf(["batteries", "m1", "phase"])).toBe("batteries.phase");
  expect(nameOf(["prices", "tariff", 0, "buy", "vat_pct"])).toBe("prices.tariff.buy.vat_pct");
});

test("numbers are read with a comma or a point, and kept within their limits", () => {
  expect([parseNumber("1,5"), parseNumber(" 2.5 "), parseNumber(" "), parseNumber("x")]).toEqual([1.5, 2.5, null, NaN]);
  expect(numberFault(NaN, {})).toEqual({ fault: "number" });
  expect(numberFault(1.5, { type: "integer" })).toEqual({ fault: "number" });
  expect(numberFault(-1, { minimum: 0, maximum: 9 })).toEqual({ fault: "range", from: 0, to: 9 });
  expect(numberFault(0, { exclusiveMinimum: 0 })).toEqual({ fault: "range", from: 0, to: null });
  expect(numberFault(9, { minimum: 0, maximum: 9 })).toBeNull();
});

test("words: of the field, of one that is like it, or of the schema", () => {
  expect(label(["site", "main_fuse_a"], {})).toBe("Main fuse");
  expect(label(["prices", "tariff", 1, "sell", "vat_pct"], {})).toBe("VAT");
  expect(label(["control", "timed", "windows", 0, "charge", "goal"], {})).toBe("Done when");
  expect(label(["x", "y"], { title: "Why" })).toBe("Why");
  expect(help(["x", "y"], { description: "Because." })).toBe("Because.");
  expect(option(["control", "split"], {}, "fair")).toBe("Equally");
  i18n.locale = "nl-NL";
  expect(typedNumber(1234.5)).toBe("1234,5");
  i18n.locale = "en-GB";
});

test("each field that has help in English has it in the other languages", () => {
  for (const [name, words] of Object.entries(en.settings.fields))
    for (const { settings } of [nl, de])
      expect([name, (settings.fields as Record<string, string[]>)[name]?.length]).toEqual([name, words.length]);
});

test("what is changed here is carried to a file that others changed", () => {
  const now = { site: { name: "Home" }, batteries: [{ id: "m1", name: "One" }, { id: "m3" }] };
  const draft = { site: { name: "House" }, batteries: [{ id: "m1", name: "First" }, { id: "m2" }] };
  expect(carried(now, ["site", "name"], draft)).toEqual({ ...now, site: { name: "House" } });
  expect(carried(now, ["batteries", "m1", "name"], draft)["batteries"]).toEqual([{ id: "m1", name: "First" }, { id: "m3" }]);
  expect(carried(now, ["batteries", "m2"], draft)["batteries"]).toEqual([...now.batteries, { id: "m2" }]);
  expect(carried(now, ["batteries", "m3"], draft)["batteries"]).toEqual([{ id: "m1", name: "One" }]);
});

test("two states agree at a path, and in a list only as a whole", () => {
  const before = { control: { target_w: 0, windows: [{ start: "01:00", strategy: "sell" }] } };
  const after = { control: { target_w: 50, windows: [{ start: "00:00", strategy: "sell" }] } };
  expect(agree(before, after, ["control", "target_w"])).toBe(false);
  expect(agree(before, after, ["control", "windows", 0, "strategy"])).toBe(false);
  expect(agree(before, { ...after, control: before.control }, ["control", "windows", 0, "strategy"])).toBe(true);
  expect(agree(before, after, ["batteries", "m2"])).toBe(true);
  expect(agree(before, { ...after, batteries: [{ id: "m2" }] }, ["batteries", "m2"])).toBe(false);
});

/** The settings as a form: what the JSON Schema of the daemon asks for, and what was changed. */

export type Json = null | boolean | number | string | Json[] | Table;
export interface Table {
  [key: string]: Json;
}
/** Keys, positions in lists from 0; a battery by its id. */
export type Path = readonly (string | number)[];

export interface Schema {
  /** Only in the options of a driver, as set-up has them. */
  $ref?: string;
  type?: string;
  title?: string;
  description?: string;
  default?: Json;
  enum?: Json[];
  const?: Json;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  pattern?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema | boolean;
  oneOf?: Schema[];
  anyOf?: Schema[];
  "x-unit"?: string;
  "x-group"?: string;
  "x-advanced"?: boolean;
  /** Not required, but asked for where a device is added by hand. */
  "x-asked"?: boolean;
  "x-restart"?: boolean;
  "x-secret"?: boolean;
  "x-format"?: string;
}

export interface FieldError {
  path: Path;
  message: string;
  allowed: string | null;
}

export interface Settings {
  file: string;
  revision: string;
  writable: boolean;
  detail: string | null;
  values: Table;
  given: Path[];
  errors: FieldError[];
  schema: Schema;
}

export type Change = { path: Path; value: Json } | { path: Path; remove: true };

/** What a control has to be. */
export type Kind =
  | "number"
  | "text"
  | "switch"
  | "choice"
  | "per-phase"
  | "lines"
  | "pairs"
  | "order"
  | "days"
  | "rows"
  | "section"
  | "optional"
  | "variant";

/** The schema with the alternatives that say the same (null, or a value of one kind) taken apart. */
export interface Field {
  kind: Kind;
  /** May be left empty. */
  nullable: boolean;
  /** Of the value itself, without its alternatives. */
  schema: Schema;
  /** For `variant`: by the name of the driver. */
  variants: Record<string, Schema>;
  /** For `per-phase`: of the value that has one for each phase. */
  phases: Schema | null;
}

/** The groups of the page, and where in the file each begins. */
export const GROUPS = {
  site: [["site"], ["meter"], ["meters"]],
  batteries: [["batteries"]],
  protection: [["control", "phase_protection"]],
  peaks: [
    ["control", "peak"],
    ["control", "capacity_tariff"],
  ],
  control: [["control"]],
  strategies: [
    ["control", "charge"],
    ["control", "sell"],
    ["control", "dynamic"],
    ["control", "timed"],
    ["control", "ev_override"],
  ],
  prices: [["prices"]],
  forecast: [["forecast"]],
  history: [["history"]],
  mqtt: [["mqtt"]],
  alarms: [["alarms"]],
  web: [["web"]],
} as const satisfies Record<string, readonly Path[]>;
export type Group = keyof typeof GROUPS;
export const GROUP_NAMES = Object.keys(GROUPS) as Group[];

export const keyOf = (path: Path): string => JSON.stringify(path);

export function isTable(value: Json | undefined): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function same(a: Json | undefined, b: Json | undefined): boolean {
  if (isTable(a) && isTable(b)) {
    const keys = Object.keys(a);
    return keys.length === Object.keys(b).length && keys.every((key) => key in b && same(a[key], b[key]));
  }
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((one, at) => same(one, b[at]));
  return a === b;
}

/** What kind of control a schema asks for. */
export function fieldOf(schema: Schema): Field {
  const parts = schema.oneOf ?? schema.anyOf;
  const rest = { nullable: false, variants: {}, phases: null };
  if (parts === undefined) return { ...rest, kind: kindOf(schema), schema };
  const nullable = parts.some((part) => part.type === "null");
  const values = parts.filter((part) => part.type !== "null");
  const variants = variantsOf(values);
  if (Object.keys(variants).length > 0) return { ...rest, kind: "variant", nullable, schema, variants };
  const plain = values.find((part) => part.type !== "object");
  const table = values.find((part) => part.type === "object");
  // What the field says of itself (title, unit, default) goes before what its value says.
  const { oneOf: _oneOf, anyOf: _anyOf, ...own } = schema;
  const inner: Schema = { ...(plain ?? table), ...own };
  if (table !== undefined && plain !== undefined && table.properties?.["L1"] !== undefined)
    return { ...rest, kind: "per-phase", nullable, schema: inner, phases: table };
  if (plain === undefined && table !== undefined) {
    const kind = table.properties === undefined ? "pairs" : "optional";
    return { ...rest, kind, nullable, schema: inner };
  }
  return { ...rest, kind: kindOf(inner), nullable, schema: inner };
}

function variantsOf(parts: Schema[]): Record<string, Schema> {
  const named = parts.map((part) => [part.properties?.["driver"]?.const, part] as const);
  return Object.fromEntries(named.filter(([name]) => typeof name === "string"));
}

function kindOf(schema: Schema): Kind {
  if (schema.type === "array") return listKind(schema.items ?? {});
  if (schema.enum !== undefined) return "choice";
  if (schema.type === "object") return schema.properties === undefined ? "pairs" : "section";
  if (schema.type === "boolean") return "switch";
  return schema.type === "number" || schema.type === "integer" ? "number" : "text";
}

function listKind(items: Schema): Kind {
  if (items["x-format"] === "battery-id") return "order";
  if (items.enum !== undefined) return "days";
  return items.type === "string" ? "lines" : "rows";
}

/** The variant that a value is of; the first where it says none. */
export function variantOf(field: Field, value: Json | undefined): Schema | null {
  const driver = isTable(value) ? value["driver"] : undefined;
  return typeof driver === "string" ? (field.variants[driver] ?? null) : null;
}

/** A value to begin with: what is required and what has a default. */
export function blank(schema: Schema): Json {
  if (schema.const !== undefined) return schema.const;
  if (schema.default !== undefined) return structuredClone(schema.default);
  const field = fieldOf(schema);
  if (field.nullable) return null;
  switch (field.kind) {
    case "section":
    case "optional":
      return Object.fromEntries(
        Object.entries(field.schema.properties ?? {}).map(([key, part]) => [key, blank(part)]),
      );
    case "variant":
      return blank(Object.values(field.variants)[0] ?? {});
    case "pairs":
      return {};
    case "rows":
    case "lines":
    case "order":
    case "days":
      return [];
    case "switch":
      return false;
    case "choice":
      return field.schema.enum?.[0] ?? null;
    default:
      return null;
  }
}

/** An optional section that is switched on. */
export function begun(schema: Schema): Json {
  const { default: _none, ...rest } = schema;
  return blank(rest);
}

/** What counts where the file says nothing. */
export function defaultOf(schema: Schema): Json {
  return schema.default === undefined ? null : structuredClone(schema.default);
}

/** Only what differs from the defaults: what is to stand in the file where it is written anew. */
export function lean(value: Json, schema: Schema): Json {
  const field = fieldOf(schema);
  if (field.kind === "rows" && Array.isArray(value))
    return value.map((one) => lean(one, field.schema.items ?? {}));
  if (!isTable(value)) return value;
  const shape = field.kind === "variant" ? variantOf(field, value) : field.schema;
  const properties = shape?.properties;
  if (properties === undefined) return value;
  const kept = Object.entries(value).filter(([key, one]) => {
    const part = properties[key];
    if (part === undefined) return true;
    if (shape?.required?.includes(key)) return one !== null;
    return one !== null && !same(one, defaultOf(part));
  });
  return Object.fromEntries(kept.map(([key, one]) => [key, lean(one, properties[key] ?? {})]));
}

/** The changes that lead from one state of the file to the other. */
export function changesOf(before: Table, after: Table, schema: Schema): Change[] {
  const found: Change[] = [];
  compare([], before, after, schema, found);
  return found;
}

function compare(path: Path, before: Json | undefined, after: Json, schema: Schema, found: Change[]): void {
  if (same(before, after)) return;
  const field = fieldOf(schema);
  if (path.length === 1 && path[0] === "batteries") {
    compareBatteries(before as Table[], after as Table[], field.schema.items ?? {}, found);
    return;
  }
  if (isTable(before) && isTable(after)) {
    const shape = field.kind === "variant" ? sharedVariant(field, before, after) : field.schema;
    if (shape?.properties !== undefined && field.kind !== "per-phase") {
      for (const [key, one] of Object.entries(after))
        compare([...path, key], before[key], one, shape.properties[key] ?? {}, found);
      return;
    }
  }
  if (field.kind === "rows" && Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    after.forEach((one, at) => compare([...path, at], before[at], one, field.schema.items ?? {}, found));
    return;
  }
  const value = lean(after, schema);
  found.push(value === null ? { path, remove: true } : { path, value });
}

/** Another driver is another section altogether. */
function sharedVariant(field: Field, before: Table, after: Table): Schema | null {
  return before["driver"] === after["driver"] ? variantOf(field, after) : null;
}

function compareBatteries(before: Table[], after: Table[], schema: Schema, found: Change[]): void {
  const field = fieldOf(schema);
  for (const gone of before.filter(({ id }) => !after.some((one) => one["id"] === id)))
    found.push({ path: ["batteries", String(gone["id"])], remove: true });
  for (const battery of after) {
    const path = ["batteries", String(battery["id"])];
    const old = before.find(({ id }) => id === battery["id"]);
    if (old === undefined) {
      const { id: _id, ...rest } = lean(battery, schema) as Table;
      found.push({ path, value: rest });
    } else {
      const properties = sharedVariant(field, old, battery)?.properties ?? {};
      for (const [key, one] of Object.entries(battery))
        compare([...path, key], old[key], one, properties[key] ?? {}, found);
    }
  }
}

/** What counts only while another key of its section has a certain value. */
const ONLY_WITH: Record<string, readonly [key: string, value: string]> = {
  soc_pct: ["goal", "soc"],
  energy_kwh: ["goal", "energy"],
  reserved_for_house_kwh: ["goal", "solar"],
  max_cheap_h: ["algorithm", "pairs"],
  max_expensive_h: ["algorithm", "pairs"],
  expected_load_w: ["algorithm", "plan"],
};

/** Whether a key of a section has no effect with what the others say. */
export function idle(section: Json | undefined, key: string): boolean {
  const [other, value] = ONLY_WITH[key] ?? [];
  return other !== undefined && isTable(section) && section[other] !== undefined && section[other] !== value;
}

/** What a section needs for its goal and does not have. */
export function lacking(section: Json | undefined): string[] {
  if (!isTable(section)) return [];
  return Object.entries(ONLY_WITH)
    .filter(([key, [other, value]]) => other === "goal" && section[other] === value && section[key] === null)
    .map(([key]) => key);
}

/** Whether a path is at or below another one. */
export function within(path: Path, section: Path): boolean {
  return section.every((part, at) => path[at] === part);
}

/** The value at a path; undefined where there is none. */
export function valueAt(values: Json, path: Path): Json | undefined {
  let value: Json | undefined = values;
  path.forEach((part, at) => {
    if (Array.isArray(value)) {
      const id = at === 1 && typeof part === "string" ? part : null;
      value = id === null ? value[Number(part)] : value.find((one) => isTable(one) && one["id"] === id);
    } else value = isTable(value) ? value[part] : undefined;
  });
  return value;
}

/** The same values with another one at a path. */
export function withValue(values: Json, path: Path, value: Json): Json {
  const [part] = path;
  if (part === undefined) return value;
  const rest = path.slice(1);
  if (Array.isArray(values)) {
    const at =
      typeof part === "number" ? part : values.findIndex((one) => isTable(one) && one["id"] === part);
    return values.map((one, index) => (index === at ? withValue(one, rest, value) : one));
  }
  const table = isTable(values) ? values : {};
  return { ...table, [part]: withValue(table[part] ?? null, rest, value) };
}

/** Values with what a draft of others says at a path, also where that is one battery more or less. */
export function carried(values: Table, path: Path, draft: Table): Table {
  const own = valueAt(draft, path);
  const [section, id] = path;
  if (section !== "batteries" || typeof id !== "string" || path.length > 2)
    return withValue(values, path, own ?? null) as Table;
  const others = (values["batteries"] as Table[]).filter((one) => one["id"] !== id);
  return { ...values, batteries: own === undefined ? others : [...others, own] };
}

/** Whether two states of the file say the same at a path. Of a list all of it counts: positions may have moved. */
export function agree(before: Table, after: Table, path: Path): boolean {
  const item = path.findIndex((part) => typeof part === "number");
  const place = item < 0 ? path : path.slice(0, item);
  return same(valueAt(before, place) ?? null, valueAt(after, place) ?? null);
}

/** Without positions and battery ids: what a field is called, whichever item it is of. */
export function nameOf(path: Path): string {
  return path.filter((part, at) => typeof part === "string" && !(at === 1 && path[0] === "batteries")).join(".");
}

/** The group that shows a path. */
export function groupOf(path: Path): Group {
  let best: Group = "site";
  let length = 0;
  for (const group of GROUP_NAMES)
    for (const start of GROUPS[group] as readonly Path[])
      if (start.length > length && within(path, start))
        [best, length] = [group, start.length];
  return best;
}

export type NumberFault = { fault: "number" } | { fault: "range"; from: number | null; to: number | null };

/** What is wrong with a number before the daemon is asked; null: nothing. */
export function numberFault(value: number, schema: Schema): NumberFault | null {
  if (!Number.isFinite(value) || (schema.type === "integer" && !Number.isInteger(value)))
    return { fault: "number" };
  const { minimum, maximum, exclusiveMinimum } = schema;
  const low =
    (minimum !== undefined && value < minimum) || (exclusiveMinimum !== undefined && value <= exclusiveMinimum);
  if (!low && !(maximum !== undefined && value > maximum)) return null;
  return { fault: "range", from: minimum ?? exclusiveMinimum ?? null, to: maximum ?? null };
}

/** A number as people type it: with a comma or a point. Null: nothing there. */
export function parseNumber(text: string): number | null {
  const trimmed = text.trim().replace(",", ".");
  return trimmed === "" ? null : Number(trimmed);
}

/** An id that no battery has yet. */
export function freshId(taken: string[]): string {
  let n = 1;
  while (taken.includes(`m${n}`)) n += 1;
  return `m${n}`;
}

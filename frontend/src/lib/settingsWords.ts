/** What the settings are called, in the language of the page; the schema's English where there are no words. */

import { i18n, t } from "./i18n";
import { nameOf, type Json, type Path, type Schema } from "./settings";
import { title as strategyTitle } from "./strategy";

/** Sections that have the keys of another one. */
const LIKE: [RegExp, string][] = [
  [/^control\.timed\.windows\.(charge|sell)/, "control.$1"],
  [/^meters\./, "meter."],
  [/^forecast\./, "prices."],
  [/\.tariff\.sell\./, ".tariff.buy."],
  [/^control\.sell\./, "control.charge."],
];

/** Label and help, the latter empty where there is none. */
function words(path: Path): [string, string] | null {
  const fields = t.settings.fields as Record<string, string[]>;
  let name = nameOf(path);
  for (const [from, to] of [[/^/, ""] as [RegExp, string], ...LIKE]) {
    name = name.replace(from, to);
    const found = fields[name];
    if (found !== undefined) return [found[0] ?? "", found[1] ?? ""];
  }
  return null;
}

export function label(path: Path, schema: Schema): string {
  const last = path.at(-1);
  if (typeof last === "string" && /^L[123]$/.test(last)) return last;
  return words(path)?.[0] ?? schema.title ?? String(last ?? "");
}

export function help(path: Path, schema: Schema): string {
  const found = words(path);
  return found === null ? (schema.description ?? "") : found[1];
}

/** A value that can be chosen. */
export function option(path: Path, schema: Schema, value: Json): string {
  const text = String(value);
  if (/^L[123]$/.test(text)) return text;
  const key = nameOf(path).split(".").at(-1) ?? "";
  const found = (t.settings.options as Record<string, string>)[`${key}.${text}`];
  if (found !== undefined) return found;
  return schema["x-format"] === "strategy" || STRATEGIES.has(key) ? strategyTitle(text) : text;
}

/** Keys whose values are strategies without the schema saying so. */
const STRATEGIES = new Set(["follow_up", "strategy"]);

/** A number as it is typed: the decimals of the language, no thousands. */
export function typedNumber(value: number): string {
  return new Intl.NumberFormat(i18n.locale, { useGrouping: false, maximumFractionDigits: 10 }).format(value);
}

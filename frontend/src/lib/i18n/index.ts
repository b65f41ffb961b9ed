/**
 * The texts of the page in the language of its user; those of other languages are not loaded.
 *
 * `t.live.title` reads the text of now: use it where Svelte follows it (markup, `$derived`, functions that
 * these call), never in a constant of a module, which would keep its first language for ever.
 */

import { i18n, type Language } from "./locale.svelte";

export { i18n, LANGUAGE_NAMES, plural, type Language } from "./locale.svelte";

/** English is what the other languages have to cover, key for key and parameter for parameter. */
export type Catalogue = typeof import("./en");

const LOADERS: Record<Language, () => Promise<Catalogue>> = {
  en: () => import("./en"),
  nl: () => import("./nl"),
  de: () => import("./de"),
};

const loaded: Partial<Record<Language, Catalogue>> = {};

/** Fetch the texts of a language, once. Rejects where the daemon can't be reached. */
export async function load(language: Language): Promise<Catalogue> {
  return (loaded[language] ??= await LOADERS[language]());
}

/** Change the language, once its texts are there, and remember it on this device. Rejects as `load` does. */
export async function speak(language: Language): Promise<void> {
  await load(language);
  i18n.choose(language);
}

export const t: Catalogue = new Proxy({} as Catalogue, {
  get: (_, area) => texts()[area as keyof Catalogue],
});

function texts(): Catalogue {
  const catalogue = loaded[i18n.language];
  if (catalogue === undefined) throw new Error(`the texts of '${i18n.language}' were not loaded first`);
  return catalogue;
}

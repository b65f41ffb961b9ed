/**
 * The texts of the page in the language of its user.
 *
 * `t.live.title` reads the text of now: use it where Svelte follows it (markup, `$derived`, functions that
 * these call), never in a constant of a module, which would keep its first language for ever.
 */

import * as de from "./de";
import * as en from "./en";
import { i18n, type Language } from "./locale.svelte";
import * as nl from "./nl";

export { i18n, LANGUAGE_NAMES, plural, type Language } from "./locale.svelte";

/** English is what the other languages have to cover, key for key and parameter for parameter. */
export type Catalogue = typeof en;

export const CATALOGUES: Record<Language, Catalogue> = { en, nl, de };

export const t: Catalogue = new Proxy({} as Catalogue, {
  get: (_, area) => CATALOGUES[i18n.language][area as keyof Catalogue],
});

/** What there is to say of one battery. */

import { isZero, power } from "./format";
import { t } from "./i18n";

/** What a battery was told last, in words. */
export function told(w: number | null): string {
  if (w === null) return t.batteries.told.unknown;
  if (isZero(w)) return t.batteries.told.zero;
  return w > 0 ? t.batteries.told.charge(power(w)) : t.batteries.told.discharge(power(w));
}

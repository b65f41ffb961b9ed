import type { strategy as English } from "../en/strategy";

export const strategy: typeof English = {
  title: "Strategie",
};

import type { setup as English } from "../en/setup";

export const setup: typeof English = {
  title: "Phasewise einrichten",
};

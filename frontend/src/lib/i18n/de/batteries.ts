import type { batteries as English } from "../en/batteries";

export const batteries: typeof English = {
  title: "Batterien",
  told: {
    unknown: "Auftrag –",
    zero: "Auftrag: bei 0 W bleiben",
    charge: (power) => `Auftrag: mit ${power} laden`,
    discharge: (power) => `Auftrag: mit ${power} entladen`,
  },
};

import type { batteries as English } from "../en/batteries";

export const batteries: typeof English = {
  title: "Batterijen",
  told: {
    unknown: "opdracht –",
    zero: "opdracht: op 0 W blijven",
    charge: (power) => `opdracht: ${power} laden`,
    discharge: (power) => `opdracht: ${power} ontladen`,
  },
};

/** Battery cards, phase choice, identify wizard. */

export const batteries = {
  title: "Batteries",
  told: {
    unknown: "told –",
    zero: "told to stay at 0 W",
    charge: (power: string) => `told to charge ${power}`,
    discharge: (power: string) => `told to discharge ${power}`,
  },
};

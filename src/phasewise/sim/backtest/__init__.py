"""What strategies would have cost over a year of prices: `phasewise backtest`."""

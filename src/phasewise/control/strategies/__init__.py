"""Strategies: one short file each."""

from phasewise.control.strategies.base import Strategy

__all__ = ["Strategy"]

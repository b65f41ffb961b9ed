"""Strategies: one short file each."""

from phasewise.control.strategies.base import Delegate, Strategy

__all__ = ["Delegate", "Strategy"]

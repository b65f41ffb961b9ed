"""Phasewise: a home battery controller that knows which electrical phase each battery is on."""

__version__ = "0.1.0"

"""One catalogue of sentences for log, API and dashboard, in English, Dutch and German."""

from phasewise.explain.sentences import CATALOGUES, alarm_text, reason_text

__all__ = ["CATALOGUES", "alarm_text", "reason_text"]

"""One catalogue of sentences for log, API and dashboard, in English, Dutch and German."""

from phasewise.explain.sentences import CATALOGUES, alarm_text, reason_text
from phasewise.explain.text import Text

__all__ = ["CATALOGUES", "Text", "alarm_text", "reason_text"]

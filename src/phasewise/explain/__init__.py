"""One catalogue of sentences for log, API and dashboard, in English, Dutch and German."""

from phasewise.explain.sentences import CATALOGUES, alarm_text, reason_text
from phasewise.explain.status import (
    Goal,
    Identification,
    evidence_text,
    goal_text,
    identify_text,
    source_text,
)
from phasewise.explain.summary import Saying, summary_text
from phasewise.explain.summary_words import Topic
from phasewise.explain.text import Text

__all__ = [
    "CATALOGUES",
    "Goal",
    "Identification",
    "Saying",
    "Text",
    "Topic",
    "alarm_text",
    "evidence_text",
    "goal_text",
    "identify_text",
    "reason_text",
    "source_text",
    "summary_text",
]

"""What to do with prices known ahead: pair matching, and an exact plan. Pure; nothing but the model below."""

from phasewise.control.plan.pairs import PairOptions, pairs
from phasewise.control.plan.planner import plan, to_come
from phasewise.control.plan.policy import Policy, policy, power_w
from phasewise.control.plan.types import Mark, Plan, PlannedInterval, Storage

__all__ = [
    "Mark",
    "PairOptions",
    "Plan",
    "PlannedInterval",
    "Policy",
    "Storage",
    "pairs",
    "plan",
    "policy",
    "power_w",
    "to_come",
]

"""Put a random site to the product: the only file of the oracle that knows the product's types."""

from allocation_oracle import Judgement, judge
from allocation_sites import AllocationSite

from phasewise.control.allocate import Shares, exact
from phasewise.control.limits import Unit
from phasewise.control.order import Orders
from phasewise.control.protection import PhaseBox, PhaseBoxes
from phasewise.control.room import Limits
from phasewise.model import Assignment, Split


def limits_of(site: AllocationSite) -> Limits | None:
    if site.boxes is None:
        return None
    first, second, third = (PhaseBox(*box) if box is not None else None for box in site.boxes)
    boxes: PhaseBoxes = (first, second, third)
    return Limits(boxes=boxes, worst_case=site.worst_case)


def allocated(site: AllocationSite) -> Shares:
    """What the product makes of it."""
    units = [
        Unit(
            id=f"m{i}",
            lo_w=unit.lo_w,
            hi_w=unit.hi_w,
            can_lo_w=unit.can_lo_w,
            can_hi_w=unit.can_hi_w,
            phase=Assignment(unit.phase),
            at_w=unit.at_w,
            size_w=unit.size_w,
        )
        for i, unit in enumerate(site.units)
    ]
    return exact(site.wanted_w, units, Orders(up=site.up, down=site.down), limits_of(site), Split(site.split))


def judged(site: AllocationSite) -> Judgement:
    shares = allocated(site)
    return judge(site, shares.powers_w, shares.relief_w)

"""Set-up: finding devices, trying them, and writing the first configuration file. It controls nothing."""

from phasewise.setup.desk import (
    DeviceMaker,
    FieldProblem,
    InvalidError,
    Mode,
    NotNowError,
    ScanState,
    SetupDesk,
    Tested,
)
from phasewise.setup.in_use import InUse

__all__ = [
    "DeviceMaker",
    "FieldProblem",
    "InUse",
    "InvalidError",
    "Mode",
    "NotNowError",
    "ScanState",
    "SetupDesk",
    "Tested",
]

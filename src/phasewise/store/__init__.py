"""History on disk: one SQLite file, one thread that writes it, any number of readers."""

from phasewise.store.lookup import looked_up
from phasewise.store.query import Curve, Curves, History
from phasewise.store.schema import (
    MIGRATIONS,
    ForeignFileError,
    UnreadableError,
    open_to_read,
    open_to_write,
    reading,
)
from phasewise.store.tiers import Run, Total, write_minutes, write_runs
from phasewise.store.writer import Job, Trouble, Writer

__all__ = [
    "MIGRATIONS",
    "Curve",
    "Curves",
    "ForeignFileError",
    "History",
    "Job",
    "Run",
    "Total",
    "Trouble",
    "UnreadableError",
    "Writer",
    "looked_up",
    "open_to_read",
    "open_to_write",
    "reading",
    "write_minutes",
    "write_runs",
]

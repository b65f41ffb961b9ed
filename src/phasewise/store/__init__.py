"""History on disk: one SQLite file, one thread that writes it, any number of readers."""

from phasewise.store.schema import MIGRATIONS, ForeignFileError, open_to_read, open_to_write
from phasewise.store.writer import Job, Trouble, Writer

__all__ = [
    "MIGRATIONS",
    "ForeignFileError",
    "Job",
    "Trouble",
    "Writer",
    "open_to_read",
    "open_to_write",
]

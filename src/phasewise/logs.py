"""Structured log on standard error: for people on a terminal, one line of key=value elsewhere."""

import logging
import sys

import structlog


def set_up_logging(level: str = "info") -> None:
    """Configure structlog and quieten the libraries. `level`: debug, info, warning or error."""
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr, force=True)
    # Its connection errors are told by our drivers, with what happens next.
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
    terminal = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if terminal
        else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if terminal else [structlog.processors.format_exc_info]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )

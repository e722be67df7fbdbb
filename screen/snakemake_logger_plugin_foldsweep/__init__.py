"""The screen of a sweep, for Snakemake: a line per finished trial and a bar, in place of a block per job."""

import logging
import os
import sys

from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter
from snakemake_interface_logger_plugins.base import LogHandlerBase

from snakemake_logger_plugin_foldsweep.screen import Screen


class LogHandler(LogHandlerBase):
    """What Snakemake sends its events to. Who asks for more (VERBOSE=1, --verbose, -p) gets Snakemake's own screen."""

    def __post_init__(self) -> None:
        settings = self.common_settings
        stream = sys.stdout if settings.stdout else sys.stderr
        self.verbose: logging.Handler | None = None
        self.screen: Screen | None = None
        if os.environ.get("VERBOSE") or settings.verbose or settings.printshellcmds or settings.debug_dag:
            told = settings.quiet, settings.debug_dag, settings.verbose, settings.dryrun, settings.printshellcmds
            formatter = DefaultFormatter(settings.quiet, settings.show_failed_logs)
            self.verbose = ColorizingTextHandler(settings.nocolor, stream, formatter, DefaultFilter(*told))
        else:
            quiet = {str(each) for each in settings.quiet or ()}
            self.screen = Screen(stream, colour=not settings.nocolor, quiet=quiet, dry_run=settings.dryrun)

    def emit(self, record: logging.LogRecord) -> None:
        """Show an event."""
        try:
            if self.verbose is not None:
                self.verbose.handle(record)
            elif self.screen is not None:
                self.screen.take(record)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Say how the run ended, and leave the terminal as it was."""
        try:
            if self.screen is not None:
                self.screen.close()
                self.screen = None
        finally:
            super().close()

    @property
    def writes_to_stream(self) -> bool:
        """Whether it writes to the terminal: Snakemake then does not."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Whether it writes to a file."""
        return False

    @property
    def has_filter(self) -> bool:
        """Whether it chooses by itself what it shows."""
        return True

    @property
    def has_formatter(self) -> bool:
        """Whether it spells events by itself."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """Whether it wants the graph of rules."""
        return False

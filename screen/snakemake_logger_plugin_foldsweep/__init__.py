"""The screen of a sweep, for Snakemake: a line per finished trial and a bar, in place of a block per job."""

import logging
import os
import sys
from typing import TextIO

from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter
from snakemake_interface_logger_plugins.base import LogHandlerBase

from snakemake_logger_plugin_foldsweep.screen import Screen


class LogHandler(LogHandlerBase):
    """What Snakemake sends its events to. Who asks for more (VERBOSE=1, --verbose, -p) gets Snakemake's own screen."""

    def __post_init__(self) -> None:
        settings = self.common_settings
        self.own: logging.Handler | None = None
        self.closed = False
        if os.environ.get("VERBOSE") or settings.verbose or settings.printshellcmds or settings.debug_dag:
            self.own = self._snakemakes_own()
        quiet = {str(each) for each in settings.quiet or ()}
        self.screen = Screen(self._stream, colour=not settings.nocolor, quiet=quiet, dry_run=settings.dryrun)

    @property
    def reads_in_brief(self) -> bool:
        """Whether it reads no more of a job than its rule and why it runs, as the screen does in a dry run."""
        return self.own is None and self.screen.dry_run

    @property
    def _stream(self) -> TextIO:
        return sys.stdout if self.common_settings.stdout else sys.stderr

    def _snakemakes_own(self) -> logging.Handler:
        settings = self.common_settings
        told = settings.quiet, settings.debug_dag, settings.verbose, settings.dryrun, settings.printshellcmds
        formatter = DefaultFormatter(settings.quiet, settings.show_failed_logs)
        own: logging.Handler = ColorizingTextHandler(settings.nocolor, self._stream, formatter, DefaultFilter(*told))
        return own

    def emit(self, record: logging.LogRecord) -> None:
        """Show an event; from the first that the screen cannot show, another workflow's say, as Snakemake does."""
        if self.own is None:
            try:
                self.screen.take(record)
                return
            except Exception as error:
                self.screen.give_up()
                self.own = self._snakemakes_own()
                self._stream.write(f"screen: {type(error).__name__}: {error}; what follows is Snakemake's own\n")
        self.own.handle(record)

    def close(self) -> None:
        """Say how the run ended, and leave the terminal as it was."""
        try:
            if self.own is None and not self.closed:
                self.screen.close()
        finally:
            self.closed = True  # Snakemake closes a handler when it ends, and Python does so again
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

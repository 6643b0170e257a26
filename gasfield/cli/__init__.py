"""The command line: one file per command."""

from gasfield.cli.main import app, main

__all__ = ["app", "main"]

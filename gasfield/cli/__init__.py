"""The command line: one file a command."""

from gasfield.cli.main import app, main

__all__ = ["app", "main"]

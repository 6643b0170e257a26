"""Recordings and checkpoints that people have already, brought into trajectory files."""

from gasfield.importing.importing import import_recording

__all__ = ["import_recording"]

"""Recordings of real training: a recorder for any model, and a tiny language model to record.

Names are imported on first use, so that PyTorch is required only for training.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gasfield.recording.incomplete import RecordingWarning
    from gasfield.recording.recorder import Recorder

__all__ = ["Recorder", "RecordingWarning"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'gasfield.recording' has no attribute '{name}'")
    return getattr(import_module("gasfield.recording.recorder"), name)

"""What a recording lacks, as a warning."""

from __future__ import annotations


class RecordingWarning(UserWarning):
    """A recording is incomplete; the training continues."""

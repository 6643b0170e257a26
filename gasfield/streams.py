"""Random streams: every use of chance has its own, keyed by the seed, so that adding one never shifts another."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """All streams there are. Numbers are part of the reproducibility promise: append, never renumber."""

    TRACER_FRAME = 1
    """Orientation of a planted structure."""
    ROW_SAMPLE = 2
    """Which dead and live rows a recorder follows."""
    BATCHES = 3
    """Which windows of the text a training step sees."""
    MODEL_INIT = 4
    """Initial parameters of the recorded language model."""
    INITIAL_CLOUD = 5
    """Positions of a cloud drawn at the start of a run."""


def generator(seed: int, stream: Stream, index: int = 0) -> np.random.Generator:
    """A counter-based (Philox) generator for one stream; `index` tells equal uses apart (the n-th tracer, say)."""
    return np.random.Generator(np.random.Philox(key=[seed, (int(stream) << 32) + index]))


def word(seed: int, stream: Stream, index: int = 0) -> int:
    """A 63-bit integer from a stream, to seed a library that keeps its own generator."""
    return int(generator(seed, stream, index).integers(2**63))

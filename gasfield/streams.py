"""Random streams: every use of chance has its own, keyed by the seed, so that adding one never shifts another."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """All streams there are. Numbers (below 256) are part of the reproducibility promise: append, never renumber."""

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
    INITIAL_VELOCITIES = 6
    """Velocities drawn at the start of a run, or when a tracer is planted."""
    BATH = 7
    """Normal numbers with which a bath pushes: Langevin, Brownian, Andersen."""
    COLLISIONS = 8
    """Which particles meet the bath in an Andersen step."""
    PROPOSALS = 9
    """Normal numbers of Monte-Carlo proposals: steps, or momenta."""
    ACCEPTANCE = 10
    """Whether a proposal is accepted."""
    FIELD_CENTRES = 11
    """Centres that a field draws: wells put anywhere, and where the fit of a mixture begins."""
    STORED_PATTERNS = 12
    """Patterns that a Hopfield network remembers."""
    TRACER_JITTER = 13
    """What the points of a planted structure are shifted by."""
    PERMUTATIONS = 14
    """Diagnostics: permutations of rows, and rows drawn where there are too many."""
    PROBES = 15
    """Rows that tell a recorder how strongly each position pulls."""


def generator(seed: int, stream: Stream, index: int = 0) -> np.random.Generator:
    """A counter-based (Philox) generator for one stream; `index` tells equal uses apart (the n-th tracer, say)."""
    return np.random.Generator(np.random.Philox(key=[seed, (int(stream) << 32) + index]))


def word(seed: int, stream: Stream, index: int = 0) -> int:
    """A 63-bit integer from a stream, to seed a library that keeps its own generator."""
    return int(generator(seed, stream, index).integers(2**63))

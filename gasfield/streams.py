"""Random streams: each use of random numbers has its own, keyed by the seed; adding one does not change others."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """All streams. Their numbers (below 256) are part of the reproducibility guarantee: append, never renumber."""

    TRACER_FRAME = 1
    """Orientation of a planted structure."""
    ROW_SAMPLE = 2
    """Which dead and live rows a recorder tracks."""
    BATCHES = 3
    """Which windows of the text are in the batch of a training step."""
    MODEL_INIT = 4
    """Initial parameters of the recorded language model."""
    INITIAL_CLOUD = 5
    """Positions of a cloud drawn at the start of a run."""
    INITIAL_VELOCITIES = 6
    """Velocities drawn at the start of a run, or when a tracer is planted."""
    BATH = 7
    """Normal numbers of a bath: Langevin, Brownian, Andersen."""
    COLLISIONS = 8
    """Which particles collide with the bath in an Andersen step."""
    PROPOSALS = 9
    """Normal numbers of Monte-Carlo proposals: steps, or momenta."""
    ACCEPTANCE = 10
    """Whether a proposal is accepted."""
    FIELD_CENTRES = 11
    """Random centres of a field: wells, and the start of the fit of a mixture."""
    STORED_PATTERNS = 12
    """Stored patterns of a Hopfield network."""
    TRACER_JITTER = 13
    """Random shifts of the points of a planted structure."""
    PERMUTATIONS = 14
    """Diagnostics: permutations of rows, and subsamples of too many rows."""
    PROBES = 15
    """Rows from which a recorder estimates the weight of each position."""


def generator(seed: int, stream: Stream, index: int = 0) -> np.random.Generator:
    """A counter-based (Philox) generator for one stream; `index` separates repeated uses (the n-th tracer, say)."""
    return np.random.Generator(np.random.Philox(key=[seed, (int(stream) << 32) + index]))


def word(seed: int, stream: Stream, index: int = 0) -> int:
    """A 63-bit integer from a stream, to seed a library with its own generator."""
    return int(generator(seed, stream, index).integers(2**63))

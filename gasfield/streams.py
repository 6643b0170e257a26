"""Random streams: each use of random numbers has its own, keyed by the seed; adding one does not change others."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

import numpy as np
from pydantic import Field

from gasfield.errors import InputError


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
    FORECAST_CONTROL = 20
    """Order and signs of the increments in the negative control of a forecast."""
    TOKENS = 21
    """Tokens drawn from the law of a language model."""
    SEQUENCE_PROPOSALS = 23
    """Tokens and cuts proposed to a Metropolis chain over sequences."""
    SEQUENCE_ACCEPTANCE = 24
    """Whether a proposed sequence is accepted."""
    EXCHANGES = 25
    """Whether two replicas exchange their temperatures."""
    ROUNDING = 26
    """Bits of stochastic rounding in optimisers."""


SEEDS = 2**64
"""Seeds are the integers from 0 to one below this; each gives numbers of its own."""

Seed = Annotated[int, Field(ge=0, lt=SEEDS)]
"""A seed in a specification."""


def require_seed(seed: object, parameter: str = "seed") -> int:
    """A seed as an integer.

    Raises:
        InputError: if it is none, or out of range.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < SEEDS:
        raise InputError(f"should be an integer from 0 to 2^64 - 1, not {seed!r}.", parameter=parameter)
    return int(seed)


def generator(seed: int, stream: Stream, index: int = 0) -> np.random.Generator:
    """A counter-based (Philox) generator for one stream; `index` separates repeated uses (the n-th tracer, say)."""
    # Without its type, NumPy takes a list with an integer from 2**63 on as floats, and rounds the seed.
    key = np.array([seed, (int(stream) << 32) + index], np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


def word(seed: int, stream: Stream, index: int = 0) -> int:
    """A 63-bit integer from a stream, to seed a library with its own generator."""
    return int(generator(seed, stream, index).integers(2**63))

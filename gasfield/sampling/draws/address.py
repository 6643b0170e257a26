"""The address of a random word: which draw of which sampler, at which step of a text, under which seed.

counter  two words of an index | low 32 bits of step | high 16 bits of step, stream, sampler (16 + 8 + 8 bits)
key      low 32 bits of seed | high 32 bits of seed
"""

from __future__ import annotations

import operator
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from gasfield.errors import InputError
from gasfield.streams import Stream, require_seed

_LOW = 2**32 - 1


class Sampler(IntEnum):
    """Samplers use different words, so that their draws under the same seed are independent."""

    ALIAS = 0
    GUMBEL = 1


class Address(NamedTuple):
    """What all draws of a call share: 32-bit words, each in a uint64."""

    c2: np.uint64
    c3: np.uint64
    k0: np.uint64
    k1: np.uint64


def address(seed: int, step: int, sampler: Sampler, stream: Stream = Stream.TOKENS) -> Address:
    """The address of a call.

    Raises:
        InputError: if the seed is not one, or the step is not from 0 to 2^48 - 1.
    """
    seed, step = require_seed(seed), require_index("step", step, 48)
    words = (step & _LOW, (step >> 32) << 16 | int(stream) << 8 | int(sampler), seed & _LOW, seed >> 32)
    return Address(*map(np.uint64, words))


def require_index(name: str, value: int, bits: int) -> int:
    """A non-negative integer of at most so many bits.

    Raises:
        InputError: if it is none.
    """
    number = operator.index(value)
    if not 0 <= number < 2**bits:
        raise InputError(f"should be an integer from 0 to 2^{bits} - 1, not {number}.", parameter=name)
    return number

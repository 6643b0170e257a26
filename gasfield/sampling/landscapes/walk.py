"""Metropolis walkers on a landscape of tokens, at a temperature that may change from step to step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.sampling.landscapes.token_landscape import TokenLandscape
from gasfield.streams import Stream, generator

Indices = NDArray[np.int64]


def walk(landscape: TokenLandscape, starts: Indices, temperatures: Iterable[float], seed: int) -> Iterator[Indices]:
    """The states (W,) of W independent walkers after each step, one step for each temperature > 0.

    States are numbers of the landscape, 0 to M - 1. Nothing is kept, so a walk may be of any length.

    Raises:
        InputError: if a start is outside of the landscape, or a temperature is not positive.
    """
    here = np.array(starts, np.int64)
    if len(here) and not 0 <= here.min() <= here.max() < len(landscape.tokens):
        raise InputError(f"walkers start at states 0 to {len(landscape.tokens) - 1}.", parameter="starts")
    proposals, acceptance = generator(seed, Stream.PROPOSALS), generator(seed, Stream.ACCEPTANCE)
    first, degrees = landscape.graph.indptr, landscape.degrees
    for step, temperature in enumerate(temperatures):
        if not temperature > 0.0:
            raise InputError(f"the temperature of step {step} is {temperature}; Metropolis moves need T > 0.")
        pick = (proposals.random(len(here)) * degrees[here]).astype(np.int64)
        there = landscape.graph.indices[first[here] + pick].astype(np.int64)
        taken = acceptance.random(len(here)) < landscape.acceptance(here, there, temperature)
        here = np.where(taken, there, here)
        yield here


def equilibrium_starts(landscape: TokenLandscape, temperature: float, count: int, seed: int) -> Indices:
    """(count,) states drawn from Boltzmann's law: walkers from there are in equilibrium at once."""
    chance = generator(seed, Stream.TOKENS)
    return chance.choice(len(landscape.tokens), size=count, p=landscape.law(temperature)).astype(np.int64)

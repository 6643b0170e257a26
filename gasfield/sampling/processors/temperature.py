"""Temperature: logits divided by T."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from gasfield.errors import InputError
from gasfield.registry import register
from gasfield.sampling.processors.base import Conventions, Processor
from gasfield.sampling.processors.history import Array, History


@register
class Temperature(Processor):
    """p becomes p^(1/T), normalised: Boltzmann's law of energies -log p.

    T = 0 is the limit T -> 0 of that law: the likeliest tokens, equally if several are. (Greedy decoding of the servers
    takes one of these, usually the one with the smallest id.)
    """

    kind: Literal["temperature"] = "temperature"
    switch = "temperature"
    temperature: Annotated[float, Field(ge=0.0)]
    """The temperature T; 0 takes the likeliest token."""

    @property
    def neutral(self) -> bool:
        return self.temperature == 1.0

    def apply(self, logits: Array, history: History, conventions: Conventions) -> Array:
        if self.temperature == 0.0 or self.temperature < conventions.greedy_below:
            return np.where(logits == logits.max(axis=-1, keepdims=True), 0.0, -np.inf)
        with np.errstate(over="ignore"):
            divided: Array = logits / self.temperature
        if np.isposinf(divided).any() or np.isneginf(divided).all(axis=-1).any():
            largest = np.abs(logits[np.isfinite(logits)]).max()
            raise InputError(
                f"logits up to {largest:.3g} divided by it overflow; give 0 for T -> 0.",
                parameter="temperature",
                value=self.temperature,
            )
        return divided

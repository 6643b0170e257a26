"""Particles that were given as an array in Python."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.registry import register
from gasfield.scenario.sources.base import GasSource, SourceContext


@register
class FromArray(GasSource):
    """Positions that a Python program gave; the trajectory holds them, the description does not."""

    kind: Literal["array"] = "array"
    count: Annotated[int, Field(ge=1)]
    """How many particles there were."""

    def gas(self, context: SourceContext) -> Gas:
        """None: the positions stand in the first frame of the trajectory.

        Raises:
            InputError: always; it says how to start from that frame.
        """
        raise InputError(
            "these particles were given as an array in Python; start from the trajectory that they left, with "
            "{kind: recording, file: ..., group: " + context.name + "}."
        )

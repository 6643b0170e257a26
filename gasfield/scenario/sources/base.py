"""What a gas source is: it gives the particles of one group as they start."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.registry import Registry
from gasfield.spaces import Space
from gasfield.spec import Spec
from gasfield.streams import Stream, generator


@dataclass(frozen=True)
class SourceContext:
    """What a source may depend on.

    Attributes:
        name: of the group.
        space: where the particles live.
        seed: of the run.
        number: place of the group among the groups, so that two groups draw different numbers.
        find: resolves the name of a data file; raises InputError.
    """

    name: str
    space: Space
    seed: int
    number: int
    find: Callable[[str], Path]

    @property
    def dimensions(self) -> int:
        """D of the space."""
        return self.space.dimensions

    def generator(self) -> np.random.Generator:
        """The random numbers of this group's initial positions."""
        return generator(self.seed, Stream.INITIAL_CLOUD, self.number)

    def require_dimensions(self, dimensions: int, origin: Path | str) -> None:
        """Refuses rows that do not fit the space.

        Raises:
            InputError: if they have another number of dimensions.
        """
        if dimensions != self.dimensions:
            raise InputError(f"{origin}: rows have {dimensions} dimensions; space.dimensions is {self.dimensions}.")


class GasSource(Spec):
    """The specification of a gas source."""

    kind: str

    @property
    def size(self) -> int | None:
        """How many particles it gives; None if only its file tells."""
        count = getattr(self, "count", None)
        return count if isinstance(count, int) else None

    @abstractmethod
    def gas(self, context: SourceContext) -> Gas:
        """The particles, all of one species that bears the group's name.

        Raises:
            InputError: if there are no such particles, or they do not fit the space.
        """


GAS_SOURCES = Registry("gas source", GasSource, package="gasfield.scenario.sources")
"""`kind` -> specification of every gas source."""

"""What a sweep varies: values of keys of a scenario, and seeds."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, FiniteFloat, model_validator

from gasfield.errors import InputError
from gasfield.spec import Spec, fault_within
from gasfield.streams import Seed
from gasfield.strict import InWords

MOST_POINTS = 10_000_000
"""Of a scan."""
MOST_ADDED = 1000
"""By refinement, to each combination of the other keys."""
Seeds = Annotated[tuple[Seed, ...], Field(min_length=1)]
Count = Annotated[int, Field(ge=1, le=MOST_POINTS)]


class Refinement(Spec):
    """Points that are added to a range where a result changes most, one after the other, for each combination of the
    other keys: each in the middle of the two neighbours between which the result, a mean over seeds, differs most."""

    result: Annotated[str, Field(min_length=1)]
    """Its name in the table of the sweep, such as groups.gas.order.mean."""
    points: Annotated[int, Field(ge=1, le=MOST_ADDED)]
    """How many are added in all, to each combination of the other keys."""


class Range(Spec):
    """Numbers from one to another, both included."""

    first: Annotated[FiniteFloat, Field(alias="from")]
    """The first number, in the unit of the key that is varied."""
    last: Annotated[FiniteFloat, Field(alias="to")]
    """The last number, in the unit of the key that is varied."""
    count: Annotated[int, Field(ge=2, le=MOST_POINTS)] | None = None
    """How many, for a grid; a Latin hypercube has its own number of points."""
    spacing: Literal["linear", "log"] = "linear"
    """Equal differences, or equal ratios."""
    refine: Refinement | None = None
    """Points that are added when those of the grid have been run."""

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        if self.first == self.last:
            raise fault_within(("to",), "is where the range begins; a range has two different ends", self.last)
        if self.spacing == "log" and not (self.first > 0 and self.last > 0):
            raise fault_within(("spacing",), "is log, which needs two ends above 0", self.spacing)
        return self

    def at(self, share: float) -> float:
        """The number at a share, 0 to 1, of the range; its ends are exact."""
        if share in (0.0, 1.0):
            return self.last if share else self.first
        if self.spacing == "log":
            return float(self.first * (self.last / self.first) ** share)
        return self.first + share * (self.last - self.first)


_Range = Annotated[Range, InWords("a range {from: 0.2, to: 0.4, count: 5}")]


class LatinHypercube(Spec):
    """Points that fill a space of several ranges: each range is cut into as many equal parts as there are points, and
    each part holds one point (McKay, Beckman and Conover, Technometrics 21:239)."""

    kind: Literal["latin_hypercube"] = "latin_hypercube"
    points: Count
    """How many."""
    seed: Seed = 0
    """Of the random places."""


class Scan(Spec):
    """Keys of the scenario by their paths, as after `--set`, each with a list of values or a range: all combinations,
    or a sample of the ranges. `seeds` runs every point with several seeds."""

    model_config = ConfigDict(extra="allow")

    seeds: Count | Seeds | None = None
    """How many, from the scenario's own seed upwards, or which; one, the scenario's own, if left out."""
    sample: LatinHypercube | None = None
    """Random points of the ranges instead of all combinations."""
    __pydantic_extra__: dict[str, Annotated[tuple[Any, ...], Field(min_length=1)] | _Range] = Field(init=False)

    @model_validator(mode="after")
    def _can_be_laid_out(self) -> Self:
        if not self.along and self.seeds is None:
            raise fault_within((), "varies nothing; give values of a key, {temperature: [0.2, 0.4]}, or seeds", None)
        for path, along in self.along.items():
            if not all(path.split(".")):
                raise fault_within((path,), "is no path of a key, such as dynamics.time_step", path)
            if path.split(".")[0] in ("scan", "seed", "format", "title", "question"):
                raise fault_within((path,), "cannot be varied; seeds are given as `seeds`", path)
            if isinstance(along, Range) and self.sample is None and along.count is None:
                raise fault_within((path, "count"), "is missing: how many values of the range are taken?", None)
            if isinstance(along, Range) and self.sample is not None and along.count is not None:
                raise fault_within((path, "count"), "is the number of values of a grid; leave it out", along.count)
        self._can_be_refined()
        places = {tuple(path.split(".")) for path in self.along}
        for place in places:
            for end in range(1, len(place)):
                if place[:end] in places:
                    whole, part = ".".join(place[:end]), ".".join(place)
                    raise fault_within((part,), f"is part of {whole}, which is varied too; vary one of them", part)
        if self.sample is not None and not any(isinstance(each, Range) for each in self.along.values()):
            raise fault_within(("sample",), "samples ranges, and there is none", self.sample.kind)
        return self

    def _can_be_refined(self) -> None:
        refined = [path for path, along in self.along.items() if isinstance(along, Range) and along.refine is not None]
        if len(refined) > 1:
            raise fault_within((refined[1], "refine"), f"is given for {refined[0]}, too; refine one range", None)
        if refined and self.sample is not None:
            raise fault_within((refined[0], "refine"), "refines a grid; it does not go with `sample`", None)

    @property
    def refined(self) -> tuple[str, Range, Refinement] | None:
        """The key whose range is refined, its range and how; None if none is."""
        for path, along in self.along.items():
            if isinstance(along, Range) and along.refine is not None:
                return path, along, along.refine
        return None

    @property
    def along(self) -> dict[str, tuple[Any, ...] | Range]:
        """Path of a key -> its values."""
        return dict(self.__pydantic_extra__)

    def seeds_from(self, first: int) -> tuple[int, ...]:
        """The seeds of every point.

        Args:
            first: seed of the scenario.

        Raises:
            InputError: if one is given twice.
        """
        if isinstance(self.seeds, tuple):
            if len(set(self.seeds)) < len(self.seeds):
                raise InputError("one is given twice; every seed is run once.", parameter="scan.seeds")
            return self.seeds
        return tuple(range(first, first + (self.seeds or 1)))

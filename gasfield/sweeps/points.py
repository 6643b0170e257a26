"""The points of a scan, in their order: a grid, whose last key varies fastest, or a Latin hypercube."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np

from gasfield.errors import InputError, dotted, index_of
from gasfield.scenario.document import get_at
from gasfield.scenario.scan import MOST_POINTS, Range, Scan


@dataclass(frozen=True)
class Point:
    """One run of a sweep.

    Attributes:
        values: path of a key of the scenario -> its value.
        seed: of the scenario.
    """

    values: Mapping[str, Any]
    seed: int

    @property
    def overrides(self) -> list[str]:
        """As after `--set`: JSON is YAML, except for its escapes of pairs of surrogates."""
        return [f"{path}={json.dumps(value, ensure_ascii=False)}" for path, value in self.values.items()] + [
            f"seed={self.seed}"
        ]

    def text(self) -> str:
        """JSON, the same for equal points, whatever the order of their keys."""
        return json.dumps({"values": dict(self.values), "seed": self.seed}, sort_keys=True)

    def words(self) -> str:
        """For messages: "temperature = 0.2, seed 3"."""
        values = [f"{path} = {json.dumps(value, ensure_ascii=False)}" for path, value in self.values.items()]
        return ", ".join([*values, f"seed {self.seed}"])

    @classmethod
    def of(cls, text: str) -> Point:
        """The point of a text that `text` has made."""
        data = json.loads(text)
        return cls(data["values"], data["seed"])


def points_of(scan: Scan, first_seed: int) -> Iterator[Point]:
    """All points with all seeds, one after the other.

    Args:
        scan: what is varied.
        first_seed: the scenario's own seed.
    """
    seeds = scan.seeds_from(first_seed)
    for values in _grid(scan) if scan.sample is None else _latin_hypercube(scan):
        for seed in seeds:
            yield Point(values, seed)


def count_points(scan: Scan, first_seed: int) -> int:
    """How many points there are, seeds included, before any is added by refinement.

    Raises:
        InputError: if there are too many, or will be.
    """
    sizes = [_size(each) for each in scan.along.values() if not (scan.sample and isinstance(each, Range))]
    sizes += [scan.sample.points] if scan.sample else []
    count = prod(sizes) * len(scan.seeds_from(first_seed))
    most = count
    if scan.refined is not None:
        _, along, refinement = scan.refined
        most = count // _size(along) * (_size(along) + refinement.points)
    if most > MOST_POINTS:
        raise InputError(f"has {most:,} points; a sweep has at most {MOST_POINTS:,}.", parameter="scan")
    return count


def with_values(data: Any, values: Mapping[str, Any]) -> Any:
    """The data of a scenario with other values at some paths; it is copied.

    Raises:
        InputError: if there is no such place.
    """
    data = deepcopy(data)
    for path, value in values.items():
        *holders, last = map(index_of, path.split("."))
        holder = get_at(data, dotted(holders)) if holders else data
        if isinstance(holder, list) and isinstance(last, int) and last < len(holder):
            holder[last] = deepcopy(value)
        elif isinstance(holder, dict):
            holder[str(last)] = deepcopy(value)
        else:
            raise InputError("there is no such key in the scenario.", parameter=path)
    return data


def _size(along: tuple[Any, ...] | Range) -> int:
    return len(along) if isinstance(along, tuple) else along.count or 0


def _grid(scan: Scan) -> Iterator[dict[str, Any]]:
    values = [_values(each) for each in scan.along.values()]
    for chosen in product(*values):
        yield dict(zip(scan.along, chosen, strict=True))


def _values(along: tuple[Any, ...] | Range) -> tuple[Any, ...]:
    if isinstance(along, tuple):
        return along
    last = (along.count or 2) - 1
    return tuple(along.at(index / last) for index in range(last + 1))


def _latin_hypercube(scan: Scan) -> Iterator[dict[str, Any]]:
    """Lists beside the ranges make a grid of hypercubes, each with points of its own."""
    assert scan.sample is not None
    ranges = {path: each for path, each in scan.along.items() if isinstance(each, Range)}
    lists = {path: each for path, each in scan.along.items() if not isinstance(each, Range)}
    random = np.random.default_rng(scan.sample.seed)
    points = scan.sample.points
    for chosen in product(*lists.values()):
        cells = np.array([random.permutation(points) for _ in ranges], float).reshape(len(ranges), points)
        shares = (cells + random.random(cells.shape)) / points
        for column in shares.T:
            found = dict(zip(lists, chosen, strict=True))
            found |= {path: along.at(float(share)) for (path, along), share in zip(ranges.items(), column, strict=True)}
            yield {path: found[path] for path in scan.along}

"""Inspection of an embedding matrix: identical and neighbouring rows, statistics of the cloud, outliers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Result
from gasfield.embedding import Indices, Matrix, Values, open_matrix
from gasfield.errors import InputError
from gasfield.inspection import cloud
from gasfield.inspection.families import find_families
from gasfield.inspection.given import GivenRows
from gasfield.inspection.outliers import find_outliers
from gasfield.inspection.plane import principal_axes, project
from gasfield.inspection.scores import scores
from gasfield.kernels.lattice_neighbours import neighbour_labels
from gasfield.kernels.rows import count_marks, first_equal, groups_of
from gasfield.printable import LISTED
from gasfield.quantity import Quantity, nested_leaves
from gasfield.statistics.estimate import Estimate, share_floor
from gasfield.statistics.separation import area_under_curve
from gasfield.tensors import read_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gasfield.plots.matrix import PrincipalPlane

_DOTS = 6000
"""Maximum number of rows drawn in the plane, so that marked rows stay visible."""
_TOLD = 20
"""Maximum number of ids listed in a note."""
_MOST_CELLS = 65_280
"""Extent of the bfloat16 lattice, the longest, in cells."""
_OUTLIERS = ("norm", "distance")


def _silent(_: str) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Inspection(Result):
    """Results of an inspection; `group` is the name of the tensor.

    Attributes:
        source: the file.
        precision: of the matrix.
        lists: dotted key -> counts and lists of ids, without errors.
        matrix: the matrix, for figures.
        kept: (n,) ids of the measured rows.
        norms, distances: (n,) of these rows, from the origin and from the centroid [length].
        centroid: (D,) [length].
        products: (D, D) upper half of the scatter matrix about it, in an arbitrary unit; None if too large.
        identical, components: groups of ids, the largest first.
        given: ids of the given rows; None if none were given.

    Keys of estimates: `norm.mean`, `norm.std`, `cosine.raw`, `cosine.centred` (mean over all pairs i != j, about the
    origin and about the centroid), `participation_ratio` ((tr C)^2 / tr C^2 of the covariance), `centroid.norm`,
    `radius`, `zeros` and `powers_of_two` (shares of the coordinates); with rows given `separation.norm`, `.distance`,
    `.cosine`, `.nearest` (areas under the curve). Keys of lists: `rows`, `dimensions`, `not_finite.rows`,
    `not_finite.ids`, `identical.groups`, `.rows`, `.members`, `components.cells`, `.sizes`, `.rows`, `.members`,
    `families.N` (see `Family`) where groups of identical rows agree in most coordinates, `outliers.norm` and
    `outliers.distance`, each with `threshold`, `rows`, `ids`, `values`, `deviations`, and
    `given.rows`; with rows given also those of `GivenRows`.
    """

    source: str
    precision: str
    lists: Mapping[str, Quantity]
    matrix: Matrix = field(repr=False)
    kept: Indices = field(repr=False)
    norms: Values = field(repr=False)
    distances: Values = field(repr=False)
    centroid: Values = field(repr=False)
    products: NDArray[np.floating[Any]] | None = field(repr=False)
    identical: Sequence[Indices] = field(repr=False)
    components: Sequence[Indices] = field(repr=False)
    given: Indices | None = field(repr=False)

    def quantities(self) -> dict[str, Quantity]:
        """The results by dotted key."""
        return {**self.lists, **super().quantities()}

    def as_json(self) -> dict[str, Any]:
        """`file`, `tensor`, `precision`, the quantities nested by key, and the notes."""
        head = {"file": self.source, "tensor": self.group, "precision": self.precision}
        return {**head, **nested_leaves(self.quantities()), "notes": list(self.notes)}

    def draw(self, ax: Axes | None = None) -> Axes:
        """Plots a histogram of the norms of the rows."""
        from gasfield.plots.matrix import norms

        same = np.isin(self.kept, np.concatenate(self.identical)) if self.identical else np.zeros(0, bool)
        given = np.isin(self.kept, self.given) if self.given is not None else np.zeros(0, bool)
        return norms(
            self.norms,
            self.estimates["norm.mean"].quantity().text(),
            identical=self.norms[np.flatnonzero(same)],
            given=self.norms[np.flatnonzero(given)],
            ax=ax,
        )

    def plot_all(self, folder: Path, failed: Callable[[str, Exception], None] | None = None) -> list[Path]:
        """Writes the figures `norms.png` and `plane.png`; see `gasfield.plots.style.save_all`."""
        from gasfield.plots.matrix import plane
        from gasfield.plots.style import save_all

        figures: dict[str, Callable[[], Any]] = {"norms": lambda: self.plot().figure}
        if (products := self.products) is not None and len(self.kept) > 1:
            figures["plane"] = lambda: plane(self._plane(products))
        return save_all(figures, folder, failed)

    def _plane(self, products: NDArray[np.floating[Any]]) -> PrincipalPlane:
        """The rows, or a sample of them, in the plane of largest variance."""
        from gasfield.plots.matrix import PrincipalPlane

        axes, shares = principal_axes(products)

        def places(ids: Indices) -> Values:
            return project(self.matrix, ids, self.centroid, axes)

        kept = self.kept
        shown = kept[np.linspace(0, len(kept) - 1, min(len(kept), _DOTS)).astype(np.int64)]
        every = "all rows" if len(shown) == len(kept) else f"{len(shown):,} of {len(kept):,} rows"
        named = self.matrix.groups if len(self.matrix.groups) <= LISTED else {}
        groups = {name: np.intersect1d(shown, ids) for name, ids in named.items()} or {every: shown}
        given = np.empty(0, np.int64) if self.given is None else self.given
        return PrincipalPlane(
            shares,
            {name: places(ids) for name, ids in groups.items()},
            given=places(given[np.isin(given, kept)][:_DOTS]),
            given_count=len(given),
            identical=places(np.array([group[0] for group in self.identical[:_DOTS]], np.int64)),
            sizes=[len(group) for group in self.identical],
        )


def inspect(
    source: str | Path,
    *,
    tensor: str | None = None,
    rows: str | Sequence[int] | None = None,
    cells: int = 1,
    step: int | None = None,
    bits: str | None = None,
    progress: Callable[[str], None] = _silent,
) -> Inspection:
    """Inspects an embedding matrix.

    Args:
        source: safetensors (a file, a folder of shards, or their index), npy, npz, or a trajectory (.h5).
        tensor: name of the tensor; default: a common name of embeddings, or the only matrix.
        rows: rows to compare with the rest: ids, a text file of ids, a range "0:1000", or a group of a trajectory.
        cells: distance up to which rows are neighbours, in cells of the matrix's own lattice of 16 or 8 bits, or of
            the bfloat16 lattice.
        step: of a trajectory; default: the last.
        bits: "bfloat16" if an array of uint16 contains the bits of such numbers.
        progress: callback that receives a description of each stage.

    Raises:
        InputError: if the input is invalid.
    """
    if not 0 <= cells <= _MOST_CELLS:
        raise InputError(f"must be from 0 to {_MOST_CELLS}.", parameter="cells", value=cells)
    matrix = open_matrix(source, tensor, step, bits)
    given, remarks = _given(rows, matrix)
    notes = [*matrix.notes, *remarks]
    progress("counting zeros and powers of two")
    marks = count_marks(matrix.words, matrix.fraction_bits, matrix.largest_word)
    kept = np.flatnonzero(marks[:, 2] == 0)
    if not len(kept):
        raise InputError(f"{source}: every row contains a NaN, an infinity or a number beyond 1e100.")
    lost = np.setdiff1d(np.flatnonzero(marks[:, 2] > 0), matrix.absent)
    if len(lost):
        notes.append(f"excluded: {len(lost)} rows with a NaN, an infinity or a number beyond 1e100: {_some(lost)}")
    lists: dict[str, Quantity] = {
        "rows": Quantity(matrix.rows - len(matrix.absent), "rows"),
        "dimensions": Quantity(matrix.dimensions, "1"),
        "not_finite.rows": Quantity(len(lost), "rows"),
        "not_finite.ids": Quantity(lost.tolist(), "row ids"),
    }
    progress("searching for identical rows")
    labels = first_equal(matrix.words, kept)
    identical = [kept[group] for group in groups_of(labels)]
    lists |= _groups("identical", "groups", identical)
    for number, family in enumerate(find_families(matrix, kept, identical, notes), 1):
        lists |= {f"families.{number}.{key}": quantity for key, quantity in family.quantities().items()}
    progress("searching for neighbours on the lattice")
    components = _components(matrix, kept, labels, cells, notes)
    lists |= {"components.cells": Quantity(cells, "cells"), **_groups("components", "sizes", components)}
    progress("measuring the cloud")
    found = cloud.measure(matrix, kept)
    notes += found.notes
    estimates = found.estimates | {
        "zeros": _share(marks[kept, 0], matrix.dimensions),
        "powers_of_two": _share(marks[kept, 1], matrix.dimensions),
    }
    for name, score in zip(_OUTLIERS, (found.norms, found.distances), strict=True):
        lists |= _outliers(name, score, kept, notes)
    if given is not None:
        progress("comparing the given rows with the rest")
        lists["given.rows"] = Quantity(len(given), "rows")
        estimates |= _separation(matrix, kept, given, found.norms, labels, notes)
        beside = GivenRows(matrix, kept, np.isin(kept, given), found.norms, found.distances, found.centroid)
        lists |= beside.lists(notes)
        estimates |= beside.estimates(notes)
    return Inspection(
        group=matrix.tensor,
        estimates=estimates,
        notes=tuple(notes),
        source=matrix.source,
        precision=matrix.precision,
        lists=lists,
        matrix=matrix,
        kept=kept,
        norms=found.norms,
        distances=found.distances,
        centroid=found.centroid,
        products=found.products,
        identical=identical,
        components=components,
        given=given,
    )


def _given(rows: str | Sequence[int] | None, matrix: Matrix) -> tuple[Indices | None, tuple[str, ...]]:
    """The ids of the given rows (some but not all), and notes."""
    if rows is None:
        return None, ()
    if isinstance(rows, str):
        ids, notes = read_rows(rows, matrix.rows, matrix.groups)
    else:
        ids, notes = np.unique(np.asarray(rows, np.int64)), ()
        if not len(ids) or ids[0] < 0 or ids[-1] >= matrix.rows:
            raise InputError(f"at least one id is needed, from 0 to {matrix.rows - 1}.", parameter="rows")
    if len(ids) == matrix.rows:
        raise InputError("all rows are given; there are none to compare them with.", parameter="rows")
    return ids, notes


def _components(matrix: Matrix, kept: Indices, labels: Indices, cells: int, notes: list[str]) -> list[Indices]:
    """Connected components of neighbouring rows; identical rows are represented by the first of them."""
    words, exact = matrix.lattice()
    if not exact:
        notes.append(
            f"components: {matrix.precision} numbers are rounded to the nearest bfloat16 to count cells "
            "(infinity beyond its range)"
        )
    leaders, own = np.unique(labels, return_inverse=True)
    chains = neighbour_labels(words, kept[leaders], cells)
    return [kept[group] for group in groups_of(chains[own])]


def _groups(name: str, sizes: str, groups: Sequence[Indices]) -> dict[str, Quantity]:
    """Sizes of the groups, total number of rows, and the ids of each."""
    lengths = [len(group) for group in groups]
    return {
        f"{name}.{sizes}": Quantity(lengths, "rows"),
        f"{name}.rows": Quantity(sum(lengths), "rows"),
        f"{name}.members": Quantity([group.tolist() for group in groups], "row ids"),
    }


def _share(counts: NDArray[np.int64], dimensions: int) -> Estimate:
    """A share of all coordinates, with rows as independent draws."""
    own = counts / dimensions
    return Estimate(np.array(own.mean()), "1", own, floor=share_floor(len(own) * dimensions))


def _outliers(name: str, scores: Values, kept: Indices, notes: list[str]) -> dict[str, Quantity]:
    found = find_outliers(scores)
    key, known = f"outliers.{name}", found.why_not is None
    if found.why_not:
        notes.append(f"{key}: {found.why_not}")
    leaves = {
        "threshold": Quantity(found.threshold, "robust standard deviations"),
        "rows": Quantity(len(found.places) if known else None, "rows"),
        "ids": Quantity(kept[found.places].tolist() if known else None, "row ids"),
        "values": Quantity(scores[found.places].tolist() if known else None, "length"),
        "deviations": Quantity(found.deviations.tolist() if known else None, "robust standard deviations"),
    }
    return {f"{key}.{leaf}": quantity for leaf, quantity in leaves.items()}


def _separation(
    matrix: Matrix, kept: Indices, given: Indices, norms: Values, labels: Indices, notes: list[str]
) -> dict[str, Estimate]:
    """Area under the curve of the given rows against the rest, for each score."""
    inside = np.isin(kept, given)
    if not inside.any() or inside.all():
        message = "no given row, or no other row, is finite."
        raise InputError(message, parameter="rows")
    if inside.sum() < len(given):
        notes.append(
            f"separation: {len(given) - inside.sum()} of the given rows are not finite, or not there, and are excluded"
        )
    if min(inside.sum(), (~inside).sum()) < 2:
        notes.append("separation: no error, because there is only one given row or one other row")
    twins = np.flatnonzero(np.bincount(labels, minlength=len(labels))[labels] > 1)
    return {
        f"separation.{name}": area_under_curve(score, inside)
        for name, score in scores(matrix, kept, inside, norms, twins, notes)
    }


def _some(ids: Indices) -> str:
    more = f" and {len(ids) - _TOLD} more" if len(ids) > _TOLD else ""
    return ", ".join(map(str, ids[:_TOLD])) + more

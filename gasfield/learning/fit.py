"""Fits a model of a field to trajectories and writes the learned field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field
from threadpoolctl import threadpool_limits

from gasfield.errors import InputError, about
from gasfield.forces.learned import LearnedField
from gasfield.learning.data import BLOCKS, TrainingData
from gasfield.learning.model import AnyModel, FieldModel, Fitted
from gasfield.provenance import FileDigest, versions
from gasfield.quantity import Quantity, nested_leaves
from gasfield.resources import check_output, find_file
from gasfield.scenario.document import Document
from gasfield.spec import Spec, parse
from gasfield.trajectory import Trajectory, open_trajectory

if TYPE_CHECKING:
    from gasfield.plots.style import OnFailure


class FitSpec(Spec):
    """Everything that determines a fit, as it can be written in YAML."""

    model: AnyModel
    """What is fitted: the name of a kind, or a mapping with its parameters."""
    recordings: tuple[str, ...] = ()
    """Trajectories, recorded or simulated; several are independent samples of the same field."""
    rows: str | None = None
    """A group of the trajectories, or several joined by commas; all rows if left out."""
    frames: str | None = None
    """The training span, a range a:b of frames, the end excluded; all frames if left out."""
    space: Literal["free", "sphere"] | None = None
    """Where the rows live; the sphere if they all lie on one, and free space otherwise, if left out."""
    blocks: int = Field(BLOCKS, ge=2, le=1000)
    """Blocks in time of each trajectory, for cross-validation and bootstrap errors."""
    seed: int = Field(0, ge=0, lt=2**63)
    """Of every random choice of the fit."""


@dataclass(frozen=True)
class Fit:
    """The outcome of a fit.

    Attributes:
        model: what was fitted.
        field: what was learned.
        quantities: dotted key -> number of the fit.
        path: the file it was written to; None if it was not.
    """

    model: FieldModel
    field: LearnedField
    quantities: Mapping[str, Quantity]
    path: Path | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be said of the fit."""
        return self.field.notes

    def as_json(self) -> dict[str, Any]:
        """The numbers as nested leaves, with the notes."""
        return {
            "terms": {name: term.law.kind for name, term in self.field.terms.items()},
            "target": self.field.moved.target,
            "span": list(self.field.span),
            "results": nested_leaves(self.quantities),
            "notes": list(self.notes),
        }

    def plot_all(self, folder: Path, failed: OnFailure | None = None) -> list[Path]:
        """Writes every figure of the model as a PNG file in a folder; see `gasfield.plots.style.save_all`."""
        from gasfield.plots.style import save_all

        return save_all(self.model.figures(self.field), folder, failed)


def fit(
    recordings: Sequence[Trajectory | str | Path] | Trajectory | str | Path,
    model: FieldModel | Mapping[str, Any] | str,
    output: Path | str | None = None,
    *,
    rows: str | None = None,
    frames: str | None = None,
    space: str | None = None,
    blocks: int = BLOCKS,
    seed: int = 0,
    overwrite: bool = False,
) -> Fit:
    """Learns a field from trajectories.

    Args:
        recordings: trajectories, open or by path; several are independent samples of one field.
        model: what is fitted.
        output: file to write; none if left out.
        rows: as in `FitSpec`.
        frames: as in `FitSpec`.
        space: as in `FitSpec`.
        blocks: as in `FitSpec`.
        seed: as in `FitSpec`.
        overwrite: whether an existing file may be replaced.

    Raises:
        InputError: if the data do not suffice for the model, with the numbers; or a file is missing, or taken.
    """
    given = [recordings] if isinstance(recordings, Trajectory | str | Path) else list(recordings)
    with about("model"):
        chosen: FieldModel = parse(AnyModel, model)
    path = None if output is None else Path(output)
    if path is not None:
        check_output(path, overwrite=overwrite)
    with ExitStack() as stack:
        # The order of sums in BLAS depends on its threads, and on a busy machine these wait for each other.
        stack.enter_context(threadpool_limits(limits=1, user_api="blas"))
        opened = [t if isinstance(t, Trajectory) else stack.enter_context(open_trajectory(t)) for t in given]
        data = None
        if chosen.needs_data:
            data = TrainingData.of(
                opened, rows=rows, frames=frames, space=space, blocks=blocks, seed=seed, motion=chosen.needs_motion
            )
        elif opened:
            raise InputError(f"{chosen.kind} is fitted to what its specification holds, not to trajectories.")
        with about("model"):
            fitted = chosen.fit(data)
        field = LearnedField(
            terms=fitted.terms,
            dimensions=_dimensions(data, fitted),
            moved=fitted.moved,
            space=data.space if data else "free",
            span=data.span if data else (0, 0),
            region=data.region() if data and fitted.bounded else None,
            report=nested_leaves(fitted.quantities),
            notes=(*(data.notes if data else ()), *fitted.notes),
            provenance={
                "model": chosen.model_dump(mode="json"),
                "recordings": [
                    {"path": t.path.name, **FileDigest.of(t.path).as_json(), "frames": frames, "rows": rows}
                    for t in opened
                ],
                "blocks": blocks,
                "seed": seed,
                "versions": versions("scipy"),
            },
        )
    if path is not None:
        field.write(path)
    return Fit(chosen, field, fitted.quantities, path)


def _dimensions(data: TrainingData | None, fitted: Fitted) -> int:
    if data is not None:
        return data.dimensions
    if fitted.dimensions is None:
        raise ValueError("a model that needs no data must give the dimensions of its field")
    return fitted.dimensions


def fit_document(path: Path, output: Path | None = None, *, overwrite: bool = False) -> Fit:
    """As `fit`, from a YAML specification, by its path or the name of one that ships ("fits/force-table.yaml").
    Recordings are found beside it first.

    Raises:
        InputError: as `fit`; it points at the line of the specification.
    """
    path = find_file(str(path)) or path
    document = Document(path)
    try:
        spec: FitSpec = parse(FitSpec, document.data)
        files: list[Path] = []
        for number, name in enumerate(spec.recordings):
            found = find_file(name, beside=path.parent)
            if found is None:
                raise InputError(f"there is no trajectory '{name}'.", parameter=f"recordings.{number}")
            files.append(found)
        return fit(
            files, spec.model, output, rows=spec.rows, frames=spec.frames, space=spec.space, blocks=spec.blocks,
            seed=spec.seed, overwrite=overwrite,
        )  # fmt: skip
    except InputError as fault:
        raise document.locate(fault) from None

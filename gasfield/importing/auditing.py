"""An audit of anything that can be imported, and of trajectories."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.auditing import Audit, Auditor
from gasfield.auditing.finding import named
from gasfield.auditing.frame import Frame
from gasfield.errors import InputError
from gasfield.importing.copies import is_hdf5
from gasfield.importing.importing import open_source
from gasfield.resources import in_run
from gasfield.tensors import Words
from gasfield.trajectory import Trajectory, open_trajectory, schema

_TRAINED = ("import", "recording")
"""What the provenance of a trajectory names as its source if its frames are of a training."""


def audit(
    source: str | Path,
    *,
    tensor: str | None = None,
    bits: str | None = None,
    format: str | None = None,
    every: int = 1,
    stage: str | None = None,
    filter: str | Sequence[str] = (),
    order: str | Path | None = None,
    ignore_metadata: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Audit:
    """Checks a series of checkpoints: is each frame what its step says?

    Args:
        source: anything that `import_recording` reads, a trajectory, or the directory of a run.
        tensor: name of the matrix, if it is not found automatically or another is wanted.
        bits: "bfloat16" if uint16 numbers are the bits of bfloat16 ones.
        format: kind of the importer; by default the importer that claims the source.
        every: take each k-th frame.
        stage: of a series of checkpoints with several.
        filter: patterns of names of checkpoints; those that begin with ! leave checkpoints out.
        order: "natural", or a file with names and steps.
        ignore_metadata: ignore JSON files beside the source, headers of safetensors, and states of trainers.
        progress: called after each frame.

    Raises:
        InputError: if there are no frames, or only one, if rows are not finite, or if the source cannot be read.
    """
    path = in_run(Path(source))
    if every < 1:
        raise InputError("must be at least 1.", parameter="every", value=every)
    if format is None and is_hdf5(path):
        if tensor or bits or stage or filter or order or ignore_metadata:
            raise InputError(f"{path}: a trajectory has one series of frames; these options do not apply.")
        with open_trajectory(path) as trajectory:
            steps = trajectory.steps[::every].tolist()
            trained = trajectory.attributes.get("source") in _TRAINED
            frames, notes = _frames_of(trajectory, every)
            return _audited(path, steps, frames, notes, progress, trained=trained)
    try:
        found = open_source(
            path,
            format,
            tensor=tensor,
            bits=bits,
            stage=stage,
            patterns=(filter,) if isinstance(filter, str) else tuple(filter),
            order=None if order is None else str(order),
            ignore_metadata=ignore_metadata,
            any_shape=True,
        )
    except OSError as fault:
        raise InputError(f"{fault.filename or path}: {fault.strerror or fault}.") from None
    steps = found.steps[::every].tolist()
    advice = " Leave these frames out (filter '!NAME') to audit the others." if found.checkpoints else ""
    return _audited(path, steps, found.frames(every), found.notes, progress, trained=True, advice=advice)


def _audited(
    path: Path,
    steps: list[int],
    frames: Iterable[Frame],
    notes: tuple[str, ...],
    progress: Callable[[int, int], None],
    *,
    trained: bool,
    advice: str = "",
) -> Audit:
    if len(steps) < 2:
        raise InputError(f"{path}: only one frame ({named(steps)}); an audit compares at least two.")
    auditor = Auditor(steps, trained=trained)
    for done, frame in enumerate(frames, 1):
        auditor.look(frame)
        progress(done, len(steps))
    if auditor.broken:
        rows = sum(auditor.broken.values())
        raise InputError(
            f"{path}: {rows} rows are not finite, in {named(list(auditor.broken))}: it diverged, or the file is "
            f"damaged.{advice}"
        )
    return Audit(str(path), tuple(steps), auditor.findings(), (*notes, *auditor.notes()))


@dataclass(frozen=True)
class _Recorded:
    """A frame of a trajectory.

    Attributes:
        values: (N, D).
        numbers: their lattice.
        others: gives what makes its checkpoint differ from all others, None if it is known to be one of several that
            are the same, or nothing is known.
    """

    values: NDArray[np.floating]
    numbers: str
    others: Callable[[], bytes | None]

    @property
    def words(self) -> Words:
        """Bits of the numbers, as they are stored in the file."""
        return self.values.view(f"u{self.values.itemsize}")

    def rows(self, index: NDArray[np.int64]) -> NDArray[Any]:
        """Some rows (n, D)."""
        return self.values[index]


def _frames_of(trajectory: Trajectory, every: int) -> tuple[Iterable[Frame], tuple[str, ...]]:
    """Frames of the particles that are there from the start; and a note on the others.

    Of imported checkpoints the import has compared all rows and all tensors: only the frames that it has marked are the
    same, whatever the rows that were kept are.
    """
    there = trajectory.appears <= trajectory.steps[0]
    later = int(np.sum(~there))
    notes = (f"{later} particles that appear later are left out",) if later else ()
    marked = _marked(trajectory)

    def frames() -> Iterable[Frame]:
        for index in range(0, len(trajectory), every):
            values, step = trajectory.frame(index), int(trajectory.steps[index])
            own = None if marked is None or step in marked else str(step).encode()
            others = partial(_given, own)
            whole = np.ascontiguousarray(values[there] if later else values)
            yield _Recorded(whole, str(whole.dtype), others)

    return frames(), notes


def _given(own: bytes | None) -> bytes | None:
    return own


def _marked(trajectory: Trajectory) -> set[int] | None:
    """Steps of the frames that an import has found to be the same as others; None if it did not look."""
    attributes = trajectory.attributes
    if attributes.get("source") != "import" or "checkpoints" not in attributes:
        return None
    group, _, name = schema.REPEATS.rpartition("/")
    if name not in trajectory.numbers_of(group):
        return set()
    series = trajectory.observable(schema.REPEATS)
    return {*series.steps.tolist(), *(int(value) for value in series.values)}

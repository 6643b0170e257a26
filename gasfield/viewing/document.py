"""What a page is made of: a description in JSON, and blobs of numbers beside it.

The description says what the blobs are, so that the client needs to guess nothing:

    {"version", "panels": [PANEL, ...], "pairs": whether a blob `pairs` matches rows of two panels}
    PANEL: title, file, size, sha256, dimensions, precision, steps, count, of, axes, variances, unit, box, low, cell,
           periods, outline, groups, channels, bonds, reach, series, near, chunk, notes

Blobs, all in little-endian numbers (F frames, n rows, K axes, B bonds), packed by `packing.pack`:

    PANEL.rows       JSON: tokens, ids, groups of the rows
    PANEL.bonds      (B, 2) uint32
    PANEL.cells.C    (frames of the chunk, K, n) uint16, differences
    PANEL.codes.I    (1 or F, n) uint8 of channel I, differences
    PANEL.strain     (F, B) uint8, differences
    PANEL.near       (frames in `near`, k, n) uint16 or uint32, differences
    pairs            (n,) uint32: the row of the second panel for each of the first, 2^32 - 1 for none
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.comparison.alignment import common_rows
from gasfield.printable import shortened
from gasfield.provenance import FileDigest
from gasfield.resources import TRAJECTORY
from gasfield.trajectory import Trajectory
from gasfield.version import __version__
from gasfield.viewing.nearest import nearest_rows
from gasfield.viewing.packing import pack
from gasfield.viewing.scene import Scene

NEIGHBOURS = 10
"""Nearest neighbours of a row that are shown."""
NOBODY = 0xFFFFFFFF
_CHUNK_BYTES = 1 << 22
_LONGEST_TOKEN = 200
_MOST_SERIES, _MOST_VALUES = 64, 2000
_GROUPS = 250
Blobs = Iterator[tuple[str, bytes]]
Progress = Callable[[str], None]


def description(scenes: list[Scene], near: Sequence[NDArray[np.int64]] | None = None) -> dict[str, Any]:
    """The description of one or two panels.

    Args:
        scenes: one for each panel.
        near: the frames of each panel at which neighbours are known; None if a server answers, for every frame.
    """
    known: Sequence[NDArray[np.int64] | None] = [None] * len(scenes) if near is None else near
    panels = [_panel(scene, frames) for scene, frames in zip(scenes, known, strict=True)]
    return {
        "version": __version__,
        "live": near is None,
        "count": NEIGHBOURS,
        "panels": panels,
        "pairs": len(scenes) > 1,
    }


def _panel(scene: Scene, near: NDArray[np.int64] | None) -> dict[str, Any]:
    trajectory, group, projection = scene.trajectory, scene.group, scene.projection
    return {
        "title": shortened(str(trajectory.attributes.get("title", trajectory.path.stem)), _LONGEST_TOKEN),
        "file": shortened(_name(trajectory.path), _LONGEST_TOKEN),
        **FileDigest.of(trajectory.path).as_json(),
        "dimensions": trajectory.dimensions,
        "precision": trajectory.precision,
        "steps": group.steps.tolist(),
        "count": scene.count,
        "of": [trajectory.count, len(trajectory)],
        "axes": projection.labels,
        "variances": projection.variances,
        "unit": projection.unit,
        "box": scene.box.tolist(),
        "low": scene.grid.low.tolist(),
        "cell": scene.grid.cell,
        "periods": scene.periods.tolist(),
        "outline": None if scene.outline is None else scene.outline.described(),
        "groups": [shortened(name) for name in trajectory.names[:_GROUPS]],
        "channels": [
            channel.described()
            | {"name": shortened(channel.name), "classes": [shortened(name) for name in channel.classes]}
            for channel in scene.channels
        ],
        "bonds": 0 if scene.bonds is None else len(scene.bonds.ends),
        "reach": 0.0 if scene.bonds is None else scene.bonds.reach,
        "series": list(_series(trajectory)),
        "near": None if near is None else near.tolist(),
        "chunk": chunk_frames(scene),
        "notes": [shortened(note, 400) for note in scene.notes],
    }


def _name(path: Path) -> str:
    """The name of a file; that of a run with the name of its directory."""
    return f"{path.resolve().parent.name}/{path.name}" if path.name == TRAJECTORY else path.name


def _series(trajectory: Trajectory) -> Iterator[dict[str, Any]]:
    """The observables that are one number in each step, the first ones; of very long ones every k-th value."""
    for name in trajectory.numbers[:_MOST_SERIES]:
        series = trajectory.observable(name)
        every = max(1, -(-len(series.steps) // _MOST_VALUES))
        values = series.values[::every].astype(np.float64)
        if np.isfinite(values).sum() > 1:
            finite = [float(f"{value:.7g}") if np.isfinite(value) else None for value in values]
            yield {"name": shortened(name), "steps": series.steps[::every].tolist(), "values": finite}


def chunk_frames(scene: Scene) -> int:
    """Frames in a chunk of cells."""
    return max(1, _CHUNK_BYTES // int(scene.cells[0].nbytes))


def identity(prefix: str, scene: Scene) -> Blobs:
    """Who the rows are, and the bonds between them."""
    trajectory, rows = scene.trajectory, scene.group.ids
    tokens = [shortened(trajectory.tokens[row], _LONGEST_TOKEN) for row in rows]
    named = {"tokens": tokens, "ids": trajectory.token_ids[rows].tolist(), "rows": rows.tolist()}
    named["groups"] = np.minimum(trajectory.species[rows], _GROUPS).tolist()
    yield f"{prefix}.rows", pack(np.frombuffer(json.dumps(named).encode(), np.uint8))
    if scene.bonds is not None:
        yield f"{prefix}.bonds", pack(scene.bonds.ends.astype("<u4"))


def moving(prefix: str, scene: Scene) -> Blobs:
    """What changes over time."""
    size = chunk_frames(scene)
    for number, start in enumerate(range(0, len(scene), size)):
        yield (
            f"{prefix}.cells.{number}",
            pack(scene.cells[start : start + size].astype("<u2", copy=False), differences=True),
        )
    for number, channel in enumerate(scene.channels):
        yield f"{prefix}.codes.{number}", pack(channel.codes.reshape(-1, scene.count), differences=True)
    if scene.bonds is not None:
        yield f"{prefix}.strain", pack(scene.bonds.strain, differences=True)


def neighbours(prefix: str, scene: Scene, frames: NDArray[np.int64], progress: Progress) -> Blobs:
    """The nearest neighbours of all rows in some frames, in the space of the rows."""
    kind = "<u2" if scene.count < 0xFFFF else "<u4"
    found = np.empty((len(frames), NEIGHBOURS, scene.count), kind)
    for place, frame in enumerate(frames.tolist()):
        progress(f"neighbours at step {scene.group.steps[frame]} ({place + 1} of {len(frames)})")
        found[place] = nearest_rows(np.asarray(scene.group.positions[frame]), NEIGHBOURS).T.astype(kind)
    yield f"{prefix}.near", pack(found, differences=True)


def pairs(first: Scene, second: Scene) -> bytes:
    """The rows of two panels that are the same: by group and token id, by order where nothing has a token id."""
    place = np.full(second.trajectory.count, NOBODY, np.int64)
    place[second.group.ids] = np.arange(second.count)
    of_file = np.full(first.trajectory.count, NOBODY, np.int64)
    for name in [name for name in first.trajectory.names if name in second.trajectory.names]:
        mine, theirs = common_rows(first.trajectory, second.trajectory, name)
        of_file[mine] = place[theirs]
    return pack(of_file[first.group.ids].astype("<u4"))

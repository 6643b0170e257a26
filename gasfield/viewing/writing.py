"""`gasfield.view`: a trajectory, or two of them side by side, as one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.files import draft_of, writing
from gasfield.resources import check_output
from gasfield.trajectory import Trajectory, open_trajectory
from gasfield.viewing import document
from gasfield.viewing.choice import Choice
from gasfield.viewing.page import page
from gasfield.viewing.projection import NATIVE, UMAP, Wanted, is_embedding
from gasfield.viewing.scene import Scene

LARGEST_PAGE = 60_000_000
"""Bytes of a page: more takes a browser longer than a few seconds to open."""
LARGEST_UNPACKED = 1 << 29
"""Bytes of coordinates that a page unpacks."""


def view(
    trajectory: Trajectory | str | Path,
    other: Trajectory | str | Path | None = None,
    *,
    output: str | Path,
    projection: Wanted = "all",
    groups: Sequence[str] | None = None,
    frames: int | None = None,
    rows: int | None = None,
    neighbours: int = 16,
    overwrite: bool = False,
    progress: document.Progress = lambda text: None,
) -> Path:
    """Writes a page that shows a trajectory: points over time, colourings, neighbours, observables.

    Args:
        trajectory: simulated, recorded or imported; open, or its file or run directory.
        other: shown beside it, at the same steps and in the same projection.
        output: the file to write, .html.
        projection: principal axes over "all" frames or of the "last" one, "random" axes, two or three coordinates, or
            axes (2 or 3, D). In three dimensions or fewer, the space itself. Or "umap", a UMAP of one trajectory
            of more than three dimensions, aligned over time, in which distances are not distances.
        groups: names of the groups to show; all if left out.
        frames: the most frames, evenly spaced; all if left out.
        rows: the most rows without bonds, evenly spaced; all if left out.
        neighbours: at how many frames, evenly spaced, the nearest neighbours of every row are known.
        overwrite: whether an existing file may be replaced.
        progress: called with what is being done.

    Returns:
        The path.

    Raises:
        InputError: if something of this is not possible, or too large for a page.
        WriteError: if the file cannot be written.
    """
    path = Path(output)
    if path.suffix.lower() not in (".html", ".htm"):
        raise InputError("must end in .html.", parameter="output", value=path)
    check_output(path, overwrite=overwrite)
    if neighbours < 0:
        raise InputError("must not be negative.", parameter="neighbours", value=neighbours)
    choice = Choice(projection, groups, frames, rows)
    with ExitStack() as stack:
        scenes = scenes_of(stack, trajectory, other, choice, progress, LARGEST_UNPACKED)
        near = [_even(len(scene), neighbours) for scene in scenes]
        described = document.description(scenes, near)
        size = 0
        with draft_of(path) as draft, writing(path), draft.open("wb") as file:
            for part in page(described, _blobs(scenes, near, progress), "embedded_page.js"):
                size += file.write(part)
                if size > LARGEST_PAGE:
                    raise _too_large(f"the page would have more than {LARGEST_PAGE / 1e6:.0f} MB")
    return path


def scenes_of(
    stack: ExitStack,
    trajectory: Trajectory | str | Path,
    other: Trajectory | str | Path | None,
    choice: Choice,
    progress: document.Progress,
    most: int | None = None,
) -> list[Scene]:
    """The scenes of one or two trajectories, in one projection if they have the same dimensions.

    Args:
        stack: closes what is opened here.
        trajectory: the first one.
        other: the second one, if there is one.
        choice: of rows, frames and projection; of the second one, the groups that it has.
        progress: called with what is being done.
        most: bytes of coordinates.

    Raises:
        InputError: if there are more.
    """
    both = [trajectory] if other is None else [trajectory, other]
    opened = [one if isinstance(one, Trajectory) else stack.enter_context(open_trajectory(one)) for one in both]
    if len(opened) > 1 and is_embedding(choice.projection):
        message = "a UMAP of one trajectory has no place for rows of another: show them one by one, or in axes."
        raise InputError(message, parameter="projection", value=UMAP)
    choices = [choice, *(_for_other(choice, one) for one in opened[1:])]
    if most is not None:
        sizes = [_coordinates(one, own) for one, own in zip(opened, choices, strict=True)]
        if sum(sizes) > most:
            raise _too_large(f"its coordinates alone would take {sum(sizes) / 1e6:,.0f} MB in a browser")
    scenes: list[Scene] = []
    for one, own in zip(opened, choices, strict=True):
        progress(f"reading {one.path.name}")
        if is_embedding(own.projection) and one.dimensions > NATIVE:
            progress("embedding its rows in all frames, which may take minutes")
        shared = scenes and scenes[0].trajectory.dimensions == one.dimensions
        scenes.append(Scene.of(one, own, scenes[0].projection if shared else None))
    return scenes


def blobs(scenes: list[Scene]) -> document.Blobs:
    """Who the rows of all panels are, and which are the same."""
    for number, scene in enumerate(scenes):
        yield from document.identity(str(number), scene)
    if len(scenes) > 1:
        yield "pairs", document.pairs(*scenes)


def _blobs(scenes: list[Scene], near: list[NDArray[np.int64]], progress: document.Progress) -> document.Blobs:
    yield from blobs(scenes)
    for number, scene in enumerate(scenes):
        progress(f"packing {scene.trajectory.path.name}")
        yield from document.moving(str(number), scene)
    for number, (scene, frames) in enumerate(zip(scenes, near, strict=True)):
        if len(frames):
            yield from document.neighbours(str(number), scene, frames, progress)


def _for_other(choice: Choice, other: Trajectory) -> Choice:
    if choice.groups is None:
        return choice
    return replace(choice, groups=[name for name in choice.groups if name in other.names] or choice.groups)


def _coordinates(trajectory: Trajectory, choice: Choice) -> int:
    rows, frames = choice.rows_and_frames(trajectory)
    return 2 * len(rows) * len(frames) * min(3, max(2, trajectory.dimensions))


def _too_large(why: str) -> InputError:
    return InputError(f"too large for one page: {why}. Show fewer frames, rows or groups, or serve it.")


def _even(count: int, most: int) -> NDArray[np.int64]:
    """At most so many of the frames, evenly spaced, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).astype(np.int64))

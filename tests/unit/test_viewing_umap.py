"""A UMAP aligned over time: rows keep their places from frame to frame, those that change their neighbours move,
and the same points give the same bits."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from numpy.typing import NDArray

import gasfield
from gasfield import extras
from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.testing.tools import on_threads
from gasfield.trajectory import Trajectory, TrajectoryWriter
from gasfield.viewing import document
from gasfield.viewing import embedded as embedded_rows
from gasfield.viewing.aligned import WINDOW, _kept_neighbours, _same_rows, aligned
from gasfield.viewing.choice import Choice
from gasfield.viewing.embedded import AlignedUmap
from gasfield.viewing.projection import Projection
from gasfield.viewing.scene import Scene

needs_umap = pytest.mark.skipif(find_spec("umap") is None, reason="needs umap-learn (the extra `gasfield[umap]`)")


def write(path: Path, frames: NDArray[Any]) -> Path:
    with TrajectoryWriter(path, Gas(frames[0]), precision="float64", provenance={"source": "import"}) as file:
        for step, positions in enumerate(frames):
            file.frame(10 * step, 10.0 * step, positions)
    return path


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 20, 6), "needs at least two frames"),
        ((3, 15, 6), "needs more than 15 rows with a position in every frame; there are 15"),
        ((2, 60, 4), "at most 100 rows times frames. Show at most 50 rows, evenly spaced"),
    ],
)
def test_too_few_or_too_many_rows_and_frames_are_refused(
    shape: tuple[int, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: object())
    monkeypatch.setattr(embedded_rows, "LARGEST_EMBEDDING", 100)
    path = write(tmp_path / "a.h5", np.random.default_rng(0).normal(size=shape))
    with pytest.raises(InputError, match=message):
        gasfield.view(path, output=tmp_path / "a.html", projection="umap")
    assert [each.name for each in tmp_path.iterdir()] == ["a.h5"]


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    path = write(tmp_path / "a.h5", np.random.default_rng(0).normal(size=(2, 20, 6)))
    with pytest.raises(InputError, match=r"pip install 'gasfield\[umap\]'"):
        gasfield.view(path, output=tmp_path / "a.html", projection="umap")


def test_an_embedding_is_no_set_of_axes_and_has_no_place_for_rows_of_others(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", np.random.default_rng(0).normal(size=(2, 20, 6)))
    with Trajectory(path) as opened, pytest.raises(InputError, match="no set of axes"):
        Projection.of(Choice().group_of(opened), "umap")
    with pytest.raises(InputError, match="no place for rows of another"):
        gasfield.view(path, path, output=tmp_path / "a.html", projection="umap")


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_space_that_is_drawn_itself_is_not_embedded(dimensions: int, tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", np.random.default_rng(0).normal(size=(2, 20, dimensions)))
    with pytest.raises(InputError, match=f"more than 3 dimensions; of {dimensions}, the space itself is drawn"):
        gasfield.view(path, output=tmp_path / "a.html", projection="umap")
    assert not (tmp_path / "a.html").exists()


def test_rows_are_held_by_the_share_of_neighbours_that_they_keep() -> None:
    """|A and B| / |A or B| of the neighbours in two frames, by the definition; and each row is itself in all frames."""
    chance = np.random.default_rng(0)
    dense = chance.random((5, 12, 12)) < 0.3
    dense |= np.eye(12, k=1, dtype=bool) | dense.swapaxes(1, 2) | np.eye(12, k=-1, dtype=bool)
    kept = _kept_neighbours([scipy.sparse.csr_array(frame * 0.5) for frame in dense])
    same = _same_rows(5, 12)
    for frame in range(5):
        for place in range(2 * WINDOW + 1):
            other = frame + place - WINDOW
            if not 0 <= other < 5:
                assert np.all(same[frame, place] == -1)
                continue
            assert np.array_equal(same[frame, place], np.arange(12))
            shares = [
                len(set(np.flatnonzero(a)) & set(np.flatnonzero(b)))
                / len(set(np.flatnonzero(a)) | set(np.flatnonzero(b)))
                for a, b in zip(dense[frame], dense[other], strict=True)
            ]
            assert np.allclose(kept[frame, place], shares, rtol=1e-6)


@dataclass(frozen=True)
class Wanderers:
    """Six clusters in 16 dimensions, so far apart that the graph of neighbours falls apart, over 8 frames in which one
    row in ten goes from its cluster to the next one."""

    frames: NDArray[np.float64]
    start: NDArray[np.float64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]


@pytest.fixture(scope="module")
def wanderers() -> Wanderers:
    chance = np.random.default_rng(2)
    centres = 6 * chance.normal(size=(6, 16))
    first = np.arange(180) % 6
    last = np.where(np.arange(180) % 10 == 0, (first + 1) % 6, first)
    share = np.linspace(0, 1, 8)[:, None, None]
    walk = chance.normal(size=(180, 16)) + np.cumsum(0.02 * chance.normal(size=(8, 180, 16)), axis=0)
    frames = (1 - share) * centres[first] + share * centres[last] + walk
    return Wanderers(frames, frames[..., :2], first, last)


@pytest.fixture(scope="module")
def embedded(wanderers: Wanderers) -> NDArray[np.float32]:
    with on_threads(2):
        return aligned(wanderers.frames, wanderers.start)


def displacement(places: NDArray[np.float32]) -> float:
    """Mean distance between the places of a row in adjacent frames, in units of the size of the picture."""
    size = np.sqrt(places.var(axis=1).sum(axis=-1).mean())
    return float(np.linalg.norm(np.diff(places, axis=0), axis=-1).mean() / size)


@needs_umap
@pytest.mark.validate
def test_the_same_points_give_the_same_bits(wanderers: Wanderers, embedded: NDArray[np.float32]) -> None:
    """For any number of threads, in any unit of length (a power of two, which rounds nothing)."""
    unit = 2.0**60
    with on_threads(1):
        again = aligned(unit * wanderers.frames, unit * wanderers.start)
    assert np.array_equal(again, embedded)
    with on_threads(2):
        other = aligned(wanderers.frames + 1e-3 * wanderers.frames[::-1], wanderers.start)
    assert not np.array_equal(other, embedded)


@needs_umap
@pytest.mark.validate
def test_rows_keep_their_places_from_frame_to_frame(wanderers: Wanderers, embedded: NDArray[np.float32]) -> None:
    """Against the same descents from the same start without alignment, in which each frame goes its own way."""
    alone = aligned(wanderers.frames, wanderers.start, regularisation=0.0)
    assert displacement(embedded) < 0.2 * displacement(alone)


@needs_umap
@pytest.mark.validate
def test_rows_are_among_their_neighbours_and_move_with_them(
    wanderers: Wanderers, embedded: NDArray[np.float32]
) -> None:
    """In the first and the last frame, nearly all rows are nearest to rows of their own cluster; those that have gone
    to another are among rows of the other, and no longer among those of the first."""

    def share(frame: int, labels: NDArray[np.int64], rows: NDArray[np.bool_]) -> float:
        apart = np.linalg.norm(embedded[frame][:, None] - embedded[frame], axis=-1)
        np.fill_diagonal(apart, np.inf)
        near = np.argsort(apart, axis=1)[:, :5]
        return float((labels[near] == labels[:, None]).mean(axis=1)[rows].mean())

    everyone = np.ones(180, np.bool_)
    moved = wanderers.first != wanderers.last
    assert share(0, wanderers.first, everyone) > 0.95
    assert share(-1, wanderers.last, everyone) > 0.95
    assert share(-1, wanderers.last, moved) > 0.9
    assert share(-1, wanderers.first, moved) < 0.5


@needs_umap
@pytest.mark.validate
def test_a_page_says_what_places_mean_and_which_rows_have_none(wanderers: Wanderers, tmp_path: Path) -> None:
    frames = wanderers.frames[:3].copy()
    frames[1, 7] = np.inf
    path = write(tmp_path / "a.h5", frames)
    with Trajectory(path) as opened:
        scene = Scene.of(opened, Choice("umap"))
        assert isinstance(scene.projection, AlignedUmap)
        there = np.isfinite(scene.projection.embedded).all(axis=2)
        assert np.array_equal(there, np.broadcast_to(np.arange(180) != 7, (3, 180)))
        panel = document.description([scene])["panels"][0]
    assert panel["axes"] == ("UMAP 1", "UMAP 2")
    assert panel["unit"] == "of the embedding"
    assert panel["notes"][0].startswith("distances in a UMAP are not distances")
    assert panel["notes"][1] == "1 rows do not have a position in every frame, and are not embedded"

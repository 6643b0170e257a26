"""Films: their clock, what is in their pictures, and their formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.animation import FFMpegWriter
from paths import RECORDINGS
from PIL import Image

import gasfield
from gasfield.errors import InputError
from gasfield.filming import animate
from gasfield.filming.clock import clock_of, frames_at
from gasfield.gas import Gas
from gasfield.plots.animation import trail
from gasfield.scenario import Scenario
from gasfield.tracers.shapes.grids import Sheet
from gasfield.trajectory import Trajectory, TrajectoryWriter


@pytest.fixture
def drifting(tmp_path: Path) -> Path:
    """A sheet that drifts and stretches beside a cloud; it is inserted in the fourth of 30 frames."""
    made = Sheet(side=3, spacing=1.0).structure()
    x = np.vstack([np.random.default_rng(2).normal(size=(20, 2)), made.points])
    species = np.repeat([0, 1], [20, 9])
    gas = Gas(x, species, ["cloud", "sheet"], np.full(29, -1), [""] * 29, {"sheet": made.bonds + 20})
    path = tmp_path / "film.h5"
    with TrajectoryWriter(path, gas, precision="float64", provenance={}) as writer:
        for step in range(30):
            frame = x * (1 + 0.02 * step) + 0.3 * step
            frame[20:] = np.nan if step < 3 else frame[20:]
            writer.frame(step, float(step), frame)
    return path


def frames_of(film: Any) -> int:
    """The number of images of a file; the types of Pillow lack `n_frames`."""
    return int(film.n_frames)


def test_a_film_has_its_frames(drifting: Path, tmp_path: Path) -> None:
    with Trajectory(drifting) as opened:
        for follow in (False, True):
            made = animate(opened, tmp_path / f"{follow}.gif", frames=6, follow=follow)
            with Image.open(made) as film:
                assert frames_of(film) == 6
                first = np.asarray(film.convert("RGB"))
                film.seek(5)
                assert np.any(np.asarray(film.convert("RGB")) != first)
    assert not list(tmp_path.glob(".partial*"))


def test_a_film_of_many_dimensions_is_of_their_principal_plane(tmp_path: Path) -> None:
    with Trajectory(RECORDINGS / "kjv-bf16.h5") as opened:
        made = animate(opened, tmp_path / "a.gif", groups=["lattice"], frames=3, follow=True)
    with Image.open(made) as film:
        assert frames_of(film) == 3


def test_what_cannot_be_filmed_is_refused(drifting: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = tmp_path / "taken.gif"
    taken.write_bytes(b"mine")
    monkeypatch.setattr(FFMpegWriter, "isAvailable", classmethod(lambda cls: False))
    with Trajectory(drifting) as opened:
        for output, changes, reason in (
            (tmp_path / "a.avi", {}, "must end in .gif or .mp4"),
            (tmp_path / "a.mp4", {}, "ffmpeg"),
            (taken, {}, "exists already"),
            (tmp_path / "a.gif", {"groups": ["nobody"]}, "the groups here are cloud, sheet"),
            (tmp_path / "a.gif", {"frames": 1}, "must be at least 2"),
            (tmp_path / "a.gif", {"speed": 0.0}, "must be a positive number"),
            (tmp_path / "a.gif", {"speed": 1e6}, "29 steps give 1 pictures"),
            (tmp_path / "a.gif", {"size": (0.1, 4.0)}, "both sides must be"),
            (tmp_path / "a.gif", {"trails": -1}, "must be 0 to"),
            (tmp_path / "a.gif", {"turn": float("nan")}, "must be a finite number of degrees"),
            (tmp_path / "a.gif", {"turn": float("inf")}, "must be a finite number of degrees"),
        ):
            with pytest.raises(InputError, match=reason):
                animate(opened, output, **changes)  # type: ignore[arg-type]
    assert taken.read_bytes() == b"mine"
    assert not (tmp_path / "a.gif").exists()


def pictures(path: Path) -> list[np.ndarray]:
    with Image.open(path) as film:
        found = []
        for number in range(frames_of(film)):
            film.seek(number)
            found.append(np.asarray(film.convert("RGB")).astype(int))
        return found


def test_the_clock_of_two_is_one() -> None:
    one, other = np.array([0, 1, 2, 4, 8, 16, 32]), np.arange(10, 51, 10)
    clock = clock_of([one, other], 6, None, 20.0)
    assert clock.tolist() == [0, 10, 20, 30, 40, 50]
    assert one[frames_at(one, clock)].tolist() == [0, 8, 16, 16, 32, 32]
    assert other[frames_at(other, clock)].tolist() == [10, 10, 20, 30, 40, 50]
    assert clock_of([one], 4, None, 20.0).tolist() == [0, 2, 8, 32]
    assert clock_of([one], 4, 8.0, 2.0).tolist() == [0, 4, 8, 12, 16, 20, 24, 28, 32]
    with pytest.raises(InputError, match="pictures"):
        clock_of([one], 4, 1e-4, 50.0)


def test_a_trail_reaches_back_and_fades() -> None:
    ways = np.cumsum(np.ones((10, 3, 2)), axis=0)
    ways[6:, 1] += 100.0  # across a side of a box
    ways[:4, 2] = np.nan
    pieces, age = trail(ways, 7, 4)
    assert len(pieces) == 4 + 3 + 3
    np.testing.assert_array_equal(pieces[age == 0.0][:, 1], ways[7])
    assert age.max() == 0.75
    assert len(trail(ways, 0, 4)[0]) == 0


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A cloud in a field that rests, in one that moves, in none, and in three dimensions."""
    folder, found = tmp_path_factory.mktemp("runs"), {}
    well = {"kind": "harmonic", "stiffness": 1.0}
    orbit = {"kind": "orbiting_wells", "wells": [{"depth": 4.0, "width": 0.4, "radius": 1.0, "rate": 6.0}]}
    cases = {"rests": (2, [well]), "moves": (2, [orbit]), "none": (2, []), "space": (3, [well])}
    for name, (dimensions, forces) in cases.items():
        scenario = {
            "space": {"kind": "free", "dimensions": dimensions},
            "gas": [{"name": "cloud", "from": {"kind": "gaussian", "count": 30, "spread": 1.0}}],
            "forces": forces,
            "dynamics": {"kind": "brownian", "time_step": 0.02},
            "temperature": 0.1,
            "run": {"steps": 50, "record_every": 5},
            "diagnostics": [],
        }
        gasfield.run(Scenario.model_validate(scenario), output=folder / name, pictures="none")
        found[name] = folder / name
    return found


def ground(picture: np.ndarray) -> np.ndarray:
    """Where a picture of 540 x 468 pixels is coloured, left of the colour bar, without the particles."""
    inside = picture[60:400, 80:500]
    return inside[::4, ::4]


def test_the_field_is_under_the_particles_and_moves_with_time(runs: dict[str, Path], tmp_path: Path) -> None:
    """Of a field that rests the ground is one in all pictures, of a field that moves it is another one in each."""
    coloured, changed = {}, {}
    for name, field in (("rests", True), ("rests", False), ("moves", True), ("none", True)):
        film = animate(runs[name], tmp_path / f"{name}-{field}.gif", frames=3, size=(6.0, 5.2), field=field)
        first, *_, last = map(ground, pictures(film))
        coloured[name, field] = float(np.mean(np.ptp(first, axis=2) > 8))
        changed[name, field] = float(np.mean(np.abs(first - last).max(axis=2) > 24))
    assert coloured["rests", True] > 0.5 > 0.1 > coloured["rests", False]
    assert coloured["none", True] < 0.1
    assert changed["moves", True] > 3 * changed["rests", True]


def test_space_is_seen_from_a_point_that_turns(runs: dict[str, Path], tmp_path: Path) -> None:
    """A gas at rest, in one frame shown twice, changes by the turn alone."""
    still = tmp_path / "still.h5"
    x = np.random.default_rng(0).normal(size=(40, 3))
    with TrajectoryWriter(still, Gas(x), precision="float64", provenance={}) as writer:
        for step in (0, 1):
            writer.frame(step, float(step), x)
    differ = {}
    for turn in (0.0, 90.0):
        first, last = pictures(animate(still, tmp_path / f"{turn}.gif", frames=2, turn=turn))
        differ[turn] = int(np.sum(np.abs(first - last)[60:].max(axis=2) > 60))
    assert differ[90.0] > 1000 > 200 > differ[0.0]
    flat = pictures(animate(runs["space"], tmp_path / "flat.gif", frames=2, flat=True, trails=3))
    assert len(flat) == 2


def test_two_films_side_by_side_are_twice_as_wide(runs: dict[str, Path], tmp_path: Path) -> None:
    one = pictures(animate(runs["rests"], tmp_path / "1.gif", frames=2))
    two = pictures(animate(runs["rests"], tmp_path / "2.gif", beside=runs["moves"], frames=2))
    assert one[0].shape[:2] == (504, 594)
    assert two[0].shape[:2] == (504, 1134)
    assert len(two) == 2
    chosen = animate(runs["rests"], tmp_path / "3.gif", speed=25.0, frames_per_second=4.0, size=(4.0, 3.0))
    assert (len(pictures(chosen)), pictures(chosen)[0].shape[:2]) == (9, (270, 360))


@pytest.mark.parametrize(("ending", "magic", "place"), [("mp4", b"ftyp", 4), ("webm", b"\x1aE\xdf\xa3", 0)])
def test_video_by_the_program_of_the_package(
    ending: str, magic: bytes, place: int, runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ffmpeg = pytest.importorskip("imageio_ffmpeg")
    monkeypatch.setitem(matplotlib.rcParams, "animation.ffmpeg_path", "there-is-none")
    path = animate(runs["rests"], tmp_path / f"a.{ending}", frames=5, frames_per_second=10.0)
    assert path.read_bytes()[place : place + 4] == magic
    reader = ffmpeg.read_frames(str(path))
    about = next(reader)
    assert about["source_size"] == (594, 504)
    assert about["fps"] == 10.0
    assert sum(1 for _ in reader) == 5

"""Bonds, the non-affine part of the flow, and animations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from paths import RECORDINGS
from PIL import Image

from gasfield.diagnostics import Group
from gasfield.diagnostics.kinematics.flow import Flow
from gasfield.diagnostics.structure.bonds import Bonds
from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.plots import animation
from gasfield.plots.film import animate
from gasfield.plots.style import new_figure
from gasfield.tracers.shapes.grids import Cubic, Sheet
from gasfield.trajectory import Trajectory, TrajectoryWriter

Values = NDArray[np.float64]


def structure(after: Values, bonds: NDArray[np.int64], before: Values) -> Group:
    return Group("lattice", np.arange(2), np.stack([before, after]), bonds=bonds)


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.2])
def test_a_dilation_strains_every_bond_alike(factor: float) -> None:
    made = Cubic(side=3, spacing=0.3).structure()
    result = Bonds().compute(structure(factor * made.points + 5.0, made.bonds, made.points))
    assert result.strain[-1] == pytest.approx(factor - 1.0, abs=1e-12)
    found = result.quantities()
    assert found["bonds.strain.mean"].value == pytest.approx(factor - 1.0, abs=1e-12)
    assert found["bonds.strain.std"].value == pytest.approx(0.0, abs=1e-12)
    assert found["bonds.retention"].value == 1.0


def test_a_structure_that_is_torn_in_two_loses_the_bonds_between() -> None:
    """A sheet of 4 x 5: pulled apart between its second and third row of four it loses 5 of its 31 bonds."""
    made = Sheet(side=(4, 5), spacing=1.0).structure()
    after = made.points + np.where(made.points[:, :1] > 0, [[1.0, 0.0]], 0.0)
    found = Bonds().compute(structure(after, made.bonds, made.points)).quantities()
    assert found["bonds.retention"].value == pytest.approx(26 / 31)
    assert found["bonds.strain.largest"].value == pytest.approx(1.0)
    loose = Bonds(limit=2.5).compute(structure(after, made.bonds, made.points)).quantities()
    assert loose["bonds.retention"].value == 1.0


def test_bonds_without_a_length_are_left_out_and_said() -> None:
    x = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    result = Bonds().compute(structure(2 * x, np.array([[0, 1], [1, 2]]), x))
    assert result.strain.shape == (2, 1)
    assert any("1 of 2 bonds have no length" in note for note in result.notes)


@pytest.mark.parametrize("dimensions", [2, 5, 64])
def test_a_linear_flow_leaves_no_arrows(dimensions: int) -> None:
    rng = np.random.default_rng(0)
    x, matrix = rng.normal(size=(300, dimensions)), rng.normal(size=(dimensions, dimensions))
    result = Flow().compute(Group("cloud", np.arange(2), np.stack([x, x @ matrix + 3.0])))
    assert np.abs(result.remainder).max() < 1e-10
    assert np.abs(result.thermal).max() > 0.1
    assert result.quantities()["flow.plane_share"].value is None
    bent = Flow().compute(Group("cloud", np.arange(2), np.stack([x, x + 0.1 * x**2])))  # negative control
    assert np.abs(bent.remainder).max() > 0.05
    share = bent.quantities()["flow.plane_share"].value
    assert isinstance(share, float)
    assert share == pytest.approx(2 / dimensions, rel=0.5)


def test_few_rows_in_many_dimensions_have_a_flow_of_their_longest_axes() -> None:
    x = np.random.default_rng(1).normal(size=(40, 2560))
    result = Flow().compute(Group("cloud", np.arange(2), np.stack([x, 1.1 * x])))
    assert any("too few" in note for note in result.notes)
    assert result.places.shape == (40, 2)


@pytest.mark.parametrize("kind", ["bonds", "flow"])
def test_pictures_are_drawn_of_two_and_of_three_dimensions(kind: str, tmp_path: Path) -> None:
    for made in (Sheet(side=3, spacing=1.0).structure(), Cubic(side=3, spacing=1.0).structure()):
        group = structure(made.points + 0.1 * made.points**2, made.bonds, made.points)
        result = (Bonds() if kind == "bonds" else Flow()).compute(group)
        result.plot().figure.savefig(tmp_path / "a.png")
        if made.points.shape[1] == 2:
            assert result.plot(new_figure().add_subplot()).collections


# Films.


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
    monkeypatch.setattr(animation.FFMpegWriter, "isAvailable", classmethod(lambda cls: False))
    with Trajectory(drifting) as opened:
        for output, changes, reason in (
            (tmp_path / "a.avi", {}, "must end in .gif or .mp4"),
            (tmp_path / "a.mp4", {}, "ffmpeg"),
            (taken, {}, "exists already"),
            (tmp_path / "a.gif", {"groups": ["nobody"]}, "the groups here are cloud, sheet"),
            (tmp_path / "a.gif", {"frames": 1}, "must be at least 2"),
        ):
            with pytest.raises(InputError, match=reason):
                animate(opened, output, **changes)  # type: ignore[arg-type]
    assert taken.read_bytes() == b"mine"

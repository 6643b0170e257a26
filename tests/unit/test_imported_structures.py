"""Imported structures: bonds from pairs of rows or nearest neighbours, and deformation without any."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gasfield
from gasfield.errors import InputError
from gasfield.importing import import_recording
from gasfield.importing.bonds import read_bonds

SIDE, D = 5, 4
STRETCHES = (1.5, 0.8)


@pytest.fixture(scope="module")
def lattice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A square lattice in four dimensions that is stretched along its axes, among other rows."""
    path = tmp_path_factory.mktemp("lattice") / "lattice.npz"
    grid = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij"), axis=-1).reshape(-1, 2) * 1.0
    chance = np.random.default_rng(0)
    axes = np.linalg.qr(chance.standard_normal((D, D)))[0][:2]
    frames = [(grid - grid.mean(axis=0)) * np.power(STRETCHES, part) @ axes for part in (0.0, 0.5, 1.0)]
    others = chance.standard_normal((3, 6, D))
    np.savez(path, W=np.concatenate([others, frames], axis=1))
    return path


def imported(lattice: Path, target: Path, **options: object) -> gasfield.diagnostics.DeformationResult:
    import_recording(lattice, target, rows={"lattice": f"6:{6 + SIDE**2}"}, **options)
    return gasfield.diagnose(target, ["deformation"]).results["lattice"]["deformation"]


def test_deformation_needs_no_bonds(lattice: Path, tmp_path: Path) -> None:
    result = imported(lattice, tmp_path / "a.h5")
    np.testing.assert_allclose(result.stretches[-1], STRETCHES, rtol=1e-12)
    assert result.estimates["ftle.global"].value == pytest.approx(np.log(1.5) / 2)
    assert result.estimates["ftle.local.mean"].value == pytest.approx(np.log(1.5) / 2)
    assert float(result.estimates["d2min.mean"].value) < 1e-20
    assert any("no bonds" in note for note in result.notes)


def test_bonds_of_a_file_and_of_nearest_neighbours_are_the_same(lattice: Path, tmp_path: Path) -> None:
    right = [(r, r + 1) for r in range(SIDE**2) if (r + 1) % SIDE]
    up = [(r, r + SIDE) for r in range(SIDE**2 - SIDE)]
    (tmp_path / "pairs.txt").write_text(
        "# rows of the source\n" + "\n".join(f"{b + 6}, {a + 6}" for a, b in right + up)
    )
    results = [
        imported(lattice, tmp_path / f"{name}.h5", bonds={"lattice": given})
        for name, given in (("file", str(tmp_path / "pairs.txt")), ("near", "nearest:2"))
    ]
    with gasfield.open(tmp_path / "file.h5") as t:
        np.testing.assert_array_equal(t.bonds["lattice"], sorted(right + up))
    for result in results:
        assert result.estimates["ftle.local.mean"].value == pytest.approx(np.log(1.5) / 2)
        assert not any("no bonds" in note for note in result.notes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("6 7 8", "line 1: two different row numbers"),
        ("6 6", "line 1: two different row numbers"),
        ("6 7\n6 x", "line 2: two different row numbers"),
        ("6 99", "row 99 is not in the group 'lattice'"),
        ("", "no pairs"),
    ],
)
def test_pairs_that_are_none_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_bonds({"lattice": str(path)}, {"lattice": np.arange(6, 31)}, lambda rows: np.zeros((len(rows), D)))


def test_bonds_of_no_group_are_refused() -> None:
    with pytest.raises(InputError, match="no group 'x'"):
        read_bonds({"x": "nearest:2"}, {"lattice": np.arange(3)}, lambda rows: np.zeros((len(rows), D)))

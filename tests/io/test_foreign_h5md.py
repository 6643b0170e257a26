"""H5MD by other programs: what the standard allows is read with one meaning, and what has several is refused."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import gasfield
from gasfield.errors import InputError
from gasfield.importing import import_recording

T, N, D = 4, 5, 3
VALUES = np.random.default_rng(0).standard_normal((T, N, D))
Edit = Callable[[h5py.Group], Any]


def h5md(path: Path, edit: Edit = lambda group: None, values: np.ndarray = VALUES, libver: str = "earliest") -> Path:
    """The least that H5MD asks for: positions over time, and a box."""
    with h5py.File(path, "w", libver=libver) as file:
        file.create_group("h5md").attrs["version"] = [1, 1]
        group = file.create_group("particles/atoms")
        group["position/value"] = values
        group["position/step"], group["position/time"] = np.arange(T) * 10, np.arange(T) * 0.5
        box = group.create_group("box")
        box.attrs["dimension"], box.attrs["boundary"] = D, ["none"] * D
        edit(group)
    return path


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_the_least_that_the_standard_asks_for_is_read(tmp_path: Path, libver: str) -> None:
    with gasfield.open(h5md(tmp_path / "a.h5", libver=libver)) as t:
        np.testing.assert_array_equal(t.positions(), VALUES)
        np.testing.assert_array_equal(t.steps, [0, 10, 20, 30])
        np.testing.assert_array_equal(t.times, [0, 0.5, 1, 1.5])
        assert (t.names, t.precision, t.count, t.is_foreign) == (["atoms"], "float64", N, True)
        assert "deformation" in gasfield.diagnose(t, ["deformation", "motion"]).results["atoms"]


def _fixed_steps(group: h5py.Group) -> None:
    del group["position/step"], group["position/time"]
    group["position/step"] = 5
    group["position/step"].attrs["offset"] = 100


def _periodic(group: h5py.Group) -> None:
    group["box"].attrs["boundary"] = ["periodic", "periodic", "none"]
    group["box/edges/value"] = np.broadcast_to(np.diag([2.0, 3.0, 4.0]), (T, D, D))
    group["box/edges/step"] = group["position/step"]
    group["image/value"] = np.broadcast_to(np.arange(T)[:, None, None], (T, N, D))
    group["image/step"] = group["position/step"]


def _species(group: h5py.Group) -> None:
    kinds = h5py.enum_dtype({"H": 1, "O": 8}, basetype="i4")
    group.create_dataset("species", data=np.array([8, 1, 1, 8, 1]), dtype=kinds)
    group["mass"], group["charge"] = np.arange(1.0, N + 1), np.arange(N, dtype="i4")
    group["velocity/value"], group["velocity/step"] = 2 * VALUES, group["position/step"]


def test_one_number_for_all_steps(tmp_path: Path) -> None:
    with gasfield.open(h5md(tmp_path / "a.h5", _fixed_steps)) as t:
        np.testing.assert_array_equal(t.steps, [100, 105, 110, 115])
        np.testing.assert_array_equal(t.times, t.steps)


def test_positions_in_a_box_follow_their_paths(tmp_path: Path) -> None:
    with gasfield.open(h5md(tmp_path / "a.h5", _periodic)) as t:
        np.testing.assert_array_equal(t.periods, [2, 3, 0])
        np.testing.assert_array_equal(t.positions(), VALUES + np.arange(T)[:, None, None] * [2.0, 3.0, 0.0])


def test_species_masses_and_velocities(tmp_path: Path) -> None:
    with gasfield.open(h5md(tmp_path / "a.h5", _species)) as t:
        assert [t.names[kind] for kind in t.species] == ["O", "H", "H", "O", "H"]
        np.testing.assert_array_equal(t.masses, np.arange(1, N + 1))
        np.testing.assert_array_equal(t.velocities(), 2 * VALUES)


def test_an_import_makes_it_a_trajectory_of_gasfield(tmp_path: Path) -> None:
    import_recording(h5md(tmp_path / "a.h5", _species), tmp_path / "b.h5")
    with gasfield.open(tmp_path / "a.h5") as theirs, gasfield.open(tmp_path / "b.h5") as ours:
        assert not ours.is_foreign
        for read in ("positions", "velocities"):
            np.testing.assert_array_equal(getattr(ours, read)(), getattr(theirs, read)())
        assert (ours.names, ours.attributes["source"]) == (theirs.names, "H5MD")
        np.testing.assert_array_equal(ours.masses, theirs.masses)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", ">f8"])
def test_numbers_of_any_byte_order(tmp_path: Path, dtype: str) -> None:
    with gasfield.open(h5md(tmp_path / "a.h5", values=VALUES.astype(dtype))) as t:
        assert t.positions().dtype.isnative
        np.testing.assert_array_equal(t.positions(), VALUES.astype(dtype))


def _ids(group: h5py.Group) -> None:
    group["id/value"], group["id/step"] = np.argsort(VALUES[..., 0]), group["position/step"]


def _oblique(group: h5py.Group) -> None:
    group["box"].attrs["boundary"] = ["periodic"] * D
    group["box/edges"] = np.eye(D) + np.eye(D, k=1)


def _image_in_a_changing_box(group: h5py.Group) -> None:
    group["box"].attrs["boundary"] = ["periodic"] * D
    group["box/edges/value"] = np.arange(1.0, 1.0 + len(VALUES))[:, None] * np.ones(D)
    group["box/edges/step"], group["image/step"] = group["position/step"], group["position/step"]
    group["image/value"] = np.ones(VALUES.shape, int)


def _cubic_edges(group: h5py.Group) -> None:
    group["box"].attrs["boundary"] = ["periodic"] * D
    group["box/edges"] = np.ones((D, D, D))


def _heavy(group: h5py.Group) -> None:
    group["mass/value"], group["mass/step"] = np.full((len(VALUES), N), 1e200), group["position/step"]


def _changing_mass(group: h5py.Group) -> None:
    group["mass/value"], group["mass/step"] = np.abs(VALUES[..., 0]), group["position/step"]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (_ids, "id changes with time"),
        (_oblique, "oblique box"),
        (_changing_mass, "mass changes with time"),
        (_image_in_a_changing_box, "image has no single meaning"),
        (_cubic_edges, "3 x 3 is needed"),
        (_heavy, "mass has numbers that are not finite, or beyond"),
        (lambda group: group.__setitem__("mass", -np.ones(N)), "mass has numbers that are not above 0"),
        (lambda group: group.pop("position/step"), "no data set particles/atoms/position/step"),
    ],
)
def test_what_has_no_single_meaning_is_refused(tmp_path: Path, edit: Edit, message: str) -> None:
    with pytest.raises(InputError, match=message):
        gasfield.open(h5md(tmp_path / "a.h5", edit))


def test_other_groups_are_named(tmp_path: Path) -> None:
    def second(group: h5py.Group) -> None:
        group.parent.copy(group, "water")

    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always")
        gasfield.open(h5md(tmp_path / "a.h5", second)).close()
    assert any("other groups of particles, too: water" in str(note.message) for note in noted)

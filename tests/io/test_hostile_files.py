"""A file whose arrays have other shapes or types than the format says gives an InputError, or is read in full; it never
crashes a kernel, which checks no bounds. The files are opened in another process, so that a crash is seen."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from crafted_hdf5 import HARMLESS, crafted
from hostile_reader import Reader
from mutated_hdf5 import mutated

import gasfield
from gasfield.trajectory import TrajectoryWriter

D, STEPS = 3, (0, 1, 2)
SCENARIO = {
    "title": "a", "question": "b", "space": {"kind": "free", "dimensions": D},
    "gas": [{"name": "gas", "from": {"kind": "gaussian", "count": 6, "spread": 1.0}, "charge": 1.0}],
    "forces": [{"kind": "soft_repulsion", "strength": 1.0, "cutoff": 1.0},
               {"kind": "expression", "energy": f"x0**2 + x{D - 1}**2"}],
    "dynamics": {"kind": "langevin", "time_step": 0.1, "friction": 1.0}, "temperature": 1.0, "run": {"steps": 30},
    "tracers": [{"name": "ring", "shape": {"kind": "ring", "count": 4, "radius": 0.5}, "plant_at": 10,
                 "place": {"kind": "point", "at": [0.0] * D}}],
}  # fmt: skip


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with every data set of the format: those of a simulation, and those of a recording."""
    path = tmp_path_factory.mktemp("good") / "good.h5"
    scenario = gasfield.Scenario.model_validate(SCENARIO)
    simulation = gasfield.Simulation.from_scenario(scenario)
    gas = simulation.everyone.copy()
    gas.velocities = np.zeros(gas.positions.shape)
    rows, positions = 4, 5
    shapes = {
        "particles/vectors_survey/position": (rows, D),
        "particles/vectors_survey/last_motion": (rows,),
        "particles/vectors_live/gradient": (2, D),
        "field/affine/reference": (D,),
        "field/affine/gradient": (D,),
        "field/affine/tidal": (D * (D + 1) // 2,),
        "field/affine/potential": (),
        "field/full/hidden": (positions, D),
        "field/full/log_partition": (positions,),
        "field/full/weight": (positions,),
        "field/full/gradient": (gas.count, D),
    }
    chance = np.random.default_rng(0)
    with TrajectoryWriter(path, gas, precision="float64", provenance=simulation.provenance()) as writer:
        writer.subset("particles/vectors_survey", np.arange(rows), np.arange(rows))
        writer.subset("particles/vectors_live", np.arange(2))
        for place, shape in shapes.items():
            writer.element(place, shape)
        for step in STEPS:
            writer.frame(step, 0.1 * step, gas.positions + step, gas.velocities)
            writer.observe("potential_energy", step, 0.1 * step, 1.0)
            writer.observe("profile", step, 0.1 * step, np.ones(3))
            for place, shape in shapes.items():
                writer.append(place, step, step, chance.random(shape))
    return path


def other_forms(values: h5py.Dataset) -> Iterator[np.ndarray]:
    """The same data set with another shape or type: each axis, the last first, longer, shorter, empty; one
    more, none; text; numbers that are no index."""
    shape, kind = values.shape, "S1" if values.dtype.kind == "O" else values.dtype
    for axis, length in reversed(list(enumerate(shape))):
        for changed in (40 * length + 40, max(length - 1, 0), length + 1, 0):
            yield np.zeros((*shape[:axis], changed, *shape[axis + 1 :]), kind)
    yield np.zeros((*shape, 2), kind)
    yield np.zeros((), kind)
    if values.dtype.kind in "iuf":
        yield np.full(shape, 10**6, values.dtype)
        yield np.full(shape, b"a")
        yield np.full(shape, -7, values.dtype)
        yield np.zeros(shape, "f4" if values.dtype.kind in "iu" else "i8")


def damaged_files(good: Path, folder: Path, part: slice) -> Iterator[Path]:
    """One file for each data set and some of its forms."""
    places: list[str] = []
    with h5py.File(good) as file:
        file.visititems(lambda name, item: places.append(name) if isinstance(item, h5py.Dataset) else None)
        forms = {place: list(other_forms(file[place]))[part] for place in places}
    for place, values in forms.items():
        for number, value in enumerate(values):
            path = folder / f"{place.replace('/', '-')}-{number}.h5"
            shutil.copy(good, path)
            with h5py.File(path, "a") as file:
                attributes = dict(file[place].attrs)
                del file[place]
                file[place] = value
                file[place].attrs.update(attributes)
            yield path


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    """One process for all files: to start it takes longer than to read many."""
    with Reader() as process:
        yield process


def check(reader: Reader, good: Path, folder: Path, part: slice) -> None:
    paths = list(damaged_files(good, folder, part))
    answers = {path.name: reader.ask(path) for path in [good, *paths]}
    faults = {name: answer for name, answer in answers.items() if answer.kind not in ("read", "refused")}
    assert not faults, f"{list(faults)}: {next(iter(faults.values()))}"
    assert answers[good.name].kind == "read"
    refused = {name: answer for name, answer in answers.items() if answer.kind == "refused"}
    assert len(refused) > 0.4 * len(paths)
    assert all(name in answer.text for name, answer in refused.items()), "a refusal names the file"


def test_a_data_set_that_is_too_long_crashes_no_reader(reader: Reader, good: Path, tmp_path: Path) -> None:
    check(reader, good, tmp_path, slice(0, 1))


@pytest.mark.validate
def test_no_form_of_any_data_set_crashes_a_reader(reader: Reader, good: Path, tmp_path: Path) -> None:
    check(reader, good, tmp_path, slice(1, None))


def check_mutated(reader: Reader, good: Path, path: Path, seed: int, numbers: range) -> None:
    """Every damaged copy is refused, or read as what it was, or with a word that it has changed."""
    sound, expected = good.read_bytes(), reader.ask(good)
    for number in numbers:
        data, change = mutated(sound, seed, number)
        path.write_bytes(data)
        os.utime(path, (0, 0))  # a file that has just changed may still be growing, and is tried again
        answer = reader.ask(path)
        assert answer.kind in ("read", "refused"), f"{number}: {change}: {answer}"
        unsaid = answer.kind == "read" and not answer.notes
        assert not unsaid or answer.text == expected.text, f"{number}: {change}: wrong without a word"


def test_damaged_files_are_refused_or_read_as_they_were(reader: Reader, good: Path, tmp_path: Path) -> None:
    check_mutated(reader, good, tmp_path / "a.h5", 0, range(12))


@pytest.mark.validate
def test_2000_damaged_files_are_refused_or_read_as_they_were(reader: Reader, good: Path, tmp_path: Path) -> None:
    check_mutated(reader, good, tmp_path / "a.h5", 1, range(2000))


def check_crafted(reader: Reader, good: Path, folder: Path, names: list[str] | None) -> None:
    for name, path in crafted(good, folder, names):
        os.utime(path, (0, 0))
        answer = reader.ask(path)
        assert answer.kind in ("read", "refused"), f"{name}: {answer}"
        assert answer.kind == "read" or path.name in answer.text, f"{name}: a refusal names the file"
        assert (answer.kind == "read") == (name in HARMLESS), f"{name}: {answer.kind} {answer.text}"
        path.unlink()


SOME = ["the latest format", "scenario 6", "names 6", "position of float16", "mass negative", "a chunk that explodes",
        "particles/vectors/mass in another file", "particles/vectors/mass in raw files",
        "particles/vectors/position/value in virtual files"]  # fmt: skip


def test_crafted_files_are_read_or_refused(reader: Reader, good: Path, tmp_path: Path) -> None:
    check_crafted(reader, good, tmp_path, SOME)


@pytest.mark.validate
def test_all_crafted_files_are_read_or_refused(reader: Reader, good: Path, tmp_path: Path) -> None:
    check_crafted(reader, good, tmp_path, None)

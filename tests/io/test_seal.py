"""A finished file has checksums of what HDF5 has none for; a change is said when what has changed is read."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest

import gasfield
from gasfield.errors import DamageWarning
from gasfield.gas import Gas
from gasfield.hdf5.seal import Seal, seal, seal_size
from gasfield.trajectory import TrajectoryWriter


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sealed") / "a.h5"
    masses = np.arange(1.0, 41.0)
    gas = Gas(np.zeros((40, 2)), np.zeros(40, int), ["gas"], np.arange(40), ["token"] * 40, masses=masses)
    with TrajectoryWriter(path, gas, precision="float64", provenance={"seed": 1}) as writer:
        for step in range(120):
            writer.frame(step, step, np.full((40, 2), float(step)))
    return path.read_bytes()


def said(path: Path) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with gasfield.open(path) as trajectory:
            trajectory.positions()
    return [str(warning.message) for warning in caught if warning.category is DamageWarning]


def flipped(path: Path, data: bytes, at: int) -> Path:
    changed = bytearray(data)
    changed[at] ^= 1
    path.write_bytes(changed)
    os.utime(path, (0, 0))
    return path


def test_a_sound_file_says_nothing(sealed: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(sealed)
    assert said(tmp_path / "a.h5") == []


@pytest.mark.parametrize("what", ["a mass", "a name", "the seal"])
def test_a_changed_bit_is_said(sealed: bytes, tmp_path: Path, what: str) -> None:
    at = {"a mass": np.arange(1.0, 41.0).tobytes(), "a name": b"mass\0", "the seal": b"GASFSEAL"}
    place = sealed.index(at[what]) + {"a mass": 6, "a name": 1, "the seal": 8}[what]
    assert any(
        "has changed since gasfield wrote it" in text for text in said(flipped(tmp_path / "a.h5", sealed, place))
    )


def test_a_file_that_was_edited_stays_readable(sealed: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(sealed)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["particles/vectors/mass"][0] = 5.0
        file["notes"] = "mine"
    with gasfield.open(tmp_path / "a.h5") as trajectory:
        assert trajectory.masses[0] == 5.0


def test_everything_outside_of_skipped_ranges_is_covered() -> None:
    data = np.random.default_rng(0).bytes(100_000)
    skipped = [(10_000, 30_000), (90_000, 95_000)]
    tail = seal(lambda at, size: data[at : at + size], len(data), skipped)
    assert len(tail) == seal_size(len(data), skipped)
    for at in (0, 9_999, 10_000, 29_999, 30_000, 60_000, 89_999, 90_000, 95_000, 99_999):
        changed = bytearray(data + tail)
        changed[at] ^= 128
        found = Seal.find(lambda place, size, held=bytes(changed): held[place : place + size], len(changed))
        assert found is not None
        covered = not any(begin <= at < end for begin, end in skipped)
        assert found.fits(0, len(data)) != covered
        assert found.fits(65_000, 70_000), "another block is as it was"

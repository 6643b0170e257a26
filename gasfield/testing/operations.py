"""The contract of operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gasfield.operations import OPERATIONS, OperationSpec
from gasfield.simulation import Simulation
from gasfield.spaces import Free
from gasfield.testing.tools import (
    places_in,
    require,
)

Array = NDArray[np.float64]


def check_operation(
    operation: OperationSpec | Mapping[str, Any], simulation: Callable[[Path], Simulation] | None = None
) -> None:
    """Runs the contract of operations: a simulation that was killed, and goes on from its state, ends with the same
    bits and leaves the same files.

    Args:
        operation: the specification, or the mapping that a scenario would have.
        simulation: makes a simulation in a directory, without operations; a warm gas in a harmonic well if left out.

    Raises:
        AssertionError: if something does not hold.
    """
    spec, make = OPERATIONS.parse(operation), simulation or _warm_well
    with TemporaryDirectory() as whole, TemporaryDirectory() as parts:

        def begin(directory: str) -> Simulation:
            made = make(Path(directory))
            made.add_operation(spec.model_copy(deep=True))
            return made

        with begin(whole) as through:
            end = through.step(12).state()
        with begin(parts) as killed:
            state = killed.step(5).state()
            killed.step(4)  # lost
        with begin(parts) as resumed:
            resumed.restore(state)
            again = resumed.step(7).state()
        require(set(end) == set(again), f"a resumed simulation has another state: {sorted(set(end) ^ set(again))}")
        for name, array in end.items():
            np.testing.assert_array_equal(array, again[name], f"a resumed simulation ends with another {name}")
        written, left = _files_in(Path(whole)), _files_in(Path(parts))
        require(set(written) == set(left), "a resumed simulation leaves other files")
        for file, content in written.items():
            require(content == left[file], f"a resumed simulation leaves another {file}")


def _warm_well(directory: Path) -> Simulation:
    return Simulation(
        places_in(Free(dimensions=2), 12),
        dynamics={"kind": "langevin", "time_step": 0.1, "friction": 1.0},
        forces=[{"kind": "harmonic", "stiffness": 1.0}],
        temperature=0.5,
        directory=directory,
    )


def _files_in(directory: Path) -> dict[str, bytes]:
    """What the files say; of HDF5 files, whose layout depends on how they were written, the data sets."""
    found: dict[str, bytes] = {}
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        name = str(path.relative_to(directory))
        if not h5py.is_hdf5(path):
            found[name] = path.read_bytes()
            continue
        places: list[str] = []
        with h5py.File(path) as file:
            file.visit(places.append)
            sets = {place: file[place] for place in places if isinstance(file[place], h5py.Dataset)}
            found |= {f"{name}/{place}": np.asarray(values).tobytes() for place, values in sets.items()}
    return found

"""Arrays of results in an HDF5 file: GROUP/DIAGNOSTIC/NAME, each with its unit."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import h5py

from gasfield.diagnostics.base import Result
from gasfield.files import write_file
from gasfield.names import component


def write_arrays(path: Path, results: Iterable[tuple[str, str, Result]]) -> bool:
    """Writes the arrays of (group, diagnostic, result); no file if there are none.

    Returns:
        Whether there is a file.

    Raises:
        WriteError: if it cannot be written.
    """
    tables = [(f"{component(group)}/{name}", result.arrays()) for group, name, result in results]
    if not any(arrays for _, arrays in tables):
        return False
    memory = BytesIO()
    with h5py.File(memory, "w", libver="earliest") as file:
        for place, arrays in tables:
            for name, (values, unit) in arrays.items():
                file.create_dataset(f"{place}/{name}", data=values).attrs["unit"] = unit
    write_file(path, memory.getbuffer())
    return True

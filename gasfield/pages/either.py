"""`gasfield.view`: one page of whatever can be looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gasfield.errors import InputError
from gasfield.pages.writing import view_sweep
from gasfield.sweeps import Sweep
from gasfield.sweeps.store import Store
from gasfield.trajectory import Trajectory
from gasfield.viewing import view as view_trajectory


def is_sweep(path: Path) -> bool:
    """Whether a path is the directory of a sweep."""
    return Store.is_one(path)


def view(
    shown: Sweep | Trajectory | str | Path,
    other: Trajectory | str | Path | None = None,
    *,
    output: str | Path,
    overwrite: bool = False,
    **options: Any,
) -> Path:
    """Writes one HTML page that shows a trajectory, two of them side by side, or a sweep.

    Args:
        shown: a trajectory or a sweep: open, or its file or directory.
        other: a second trajectory.
        output: the file to write, .html.
        overwrite: whether an existing file may be replaced.
        options: of the page: see `gasfield.viewing.view` for trajectories, `gasfield.pages.view_sweep` for a sweep.

    Returns:
        The path.

    Raises:
        InputError: if something of this is not possible, or too large for a page.
        WriteError: if the file cannot be written.
    """
    if isinstance(shown, Sweep) or (not isinstance(shown, Trajectory) and is_sweep(Path(shown))):
        if other is not None:
            raise InputError("a sweep is shown by itself; leave the second trajectory out.", parameter="other")
        return view_sweep(shown, output=output, overwrite=overwrite, **options)
    return view_trajectory(shown, other, output=output, overwrite=overwrite, **options)

"""`gasfield.view`: one page of whatever can be looked at."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, overload

from gasfield.errors import InputError
from gasfield.extras import require_packages
from gasfield.pages.writing import view_sweep
from gasfield.sweeps import Sweep
from gasfield.sweeps.store import Store
from gasfield.trajectory import Trajectory
from gasfield.viewing import view as view_trajectory

if TYPE_CHECKING:
    from gasfield.pages.widget import Page


def is_sweep(path: Path) -> bool:
    """Whether a path is the directory of a sweep."""
    return Store.is_one(path)


@overload
def view(
    shown: Sweep | Trajectory | str | Path,
    other: Trajectory | str | Path | None = None,
    *,
    output: str | Path,
    overwrite: bool = False,
    **options: Any,
) -> Path: ...
@overload
def view(
    shown: Sweep | Trajectory | str | Path,
    other: Trajectory | str | Path | None = None,
    *,
    output: None = None,
    overwrite: bool = False,
    **options: Any,
) -> Page: ...
def view(
    shown: Sweep | Trajectory | str | Path,
    other: Trajectory | str | Path | None = None,
    *,
    output: str | Path | None = None,
    overwrite: bool = False,
    **options: Any,
) -> Path | Page:
    """Makes one HTML page that shows a trajectory, two of them side by side, or a sweep.

    Args:
        shown: a trajectory or a sweep: open, or its file or directory.
        other: a second trajectory.
        output: the file to write, .html; a notebook's widget if left out (extra `notebook`).
        overwrite: whether an existing file may be replaced.
        options: of the page: see `gasfield.viewing.view` for trajectories, `gasfield.pages.view_sweep` for a sweep.

    Returns:
        The path; or the widget.

    Raises:
        InputError: if something of this is not possible, or too large for a page, or a package is missing.
        WriteError: if the file cannot be written.
    """
    if output is None:
        return _in_notebook(shown, other, options)
    if isinstance(shown, Sweep) or (not isinstance(shown, Trajectory) and is_sweep(Path(shown))):
        if other is not None:
            raise InputError("a sweep is shown by itself; leave the second trajectory out.", parameter="other")
        return view_sweep(shown, output=output, overwrite=overwrite, **options)
    return view_trajectory(shown, other, output=output, overwrite=overwrite, **options)


def _in_notebook(
    shown: Sweep | Trajectory | str | Path, other: Trajectory | str | Path | None, options: dict[str, Any]
) -> Page:
    require_packages(("anywidget",), "notebook", "a page without a file, in a notebook,", parameter="output")
    from gasfield.pages.widget import Page

    with TemporaryDirectory() as folder:
        return Page(view(shown, other, output=Path(folder) / "page.html", **options).read_bytes())

"""Lookup of scenarios, bundled recordings and texts: in ./scenarios first, then in the package."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from gasfield.errors import InputError, WriteError
from gasfield.printable import did_you_mean, printable
from gasfield.renames import former_name

TRAJECTORY = "trajectory.h5"
"""The trajectory in the directory of a run."""
ARRAYS = "arrays.h5"
"""Arrays of results in the directory of a run."""
FORMER_SCENARIOS = {
    "force-arrows": "emission-and-receptivity",
    "gyration": "charge-in-crossed-fields",
    "landscape": "hot-and-cold-paths",
    "lattice-in-the-thrust": "lattice-in-the-early-burst",
    "spongecrystal": "lattices-in-waves",
    "three-heads": "kinds-of-heads",
    "tidal": "decay-without-a-force",
    "wheels-in-wheels": "orbiting-wells",
}
"""Former names of shipped scenarios, which are found by them too."""
_INSTALLED = Path(__file__).parent / "scenarios"
_SOURCE_TREE = Path(__file__).parent.parent / "scenarios"


def shelves() -> list[Path]:
    """The existing folders among those that are searched, in order."""
    candidates = [Path("scenarios"), _INSTALLED, _SOURCE_TREE]
    found: list[Path] = []
    for candidate in candidates:
        if candidate.is_dir() and not any(candidate.samefile(other) for other in found):
            found.append(candidate)
    return found


def scenario_files() -> Iterator[Path]:
    """Every scenario in these folders, by name; earlier folders take precedence."""
    seen: set[str] = set()
    for shelf in shelves():
        for path in sorted(shelf.glob("*.yaml")):
            if path.stem not in seen:
                seen.add(path.stem)
                yield path


def find_scenario(name: str) -> Path:
    """Resolves a path or a bare scenario name.

    Raises:
        InputError: if there is neither such a file nor such a name; the message suggests a similar name.
    """
    path = Path(name)
    if _is_data(path) and not path.is_dir():
        return path
    files = {candidate.stem: candidate for candidate in scenario_files()}
    if path.suffix not in (".yaml", ".yml") and len(path.parts) == 1:
        if name not in files and (now := FORMER_SCENARIOS.get(name, "")) in files and former_name(name, now):
            return files[now]
        if name in files:
            return files[name]
    raise InputError(f"{printable(name)[:200]}: {_why_no_scenario(path, files)}")


def _why_no_scenario(path: Path, known: Iterable[str]) -> str:
    if path.suffix not in (".yaml", ".yml") and len(path.parts) == 1:
        return f"there is no scenario of this name.{did_you_mean(path.name, known)} `gasfield list` shows all."
    if _is_data(path):
        return "is a folder, and no scenario file."
    return f"there is no such file.{did_you_mean(path.stem, known) if len(path.parts) == 1 else ''}"


def check_output(path: Path, *, overwrite: bool, parameter: str = "output") -> None:
    """Checks that a file can be written.

    Args:
        path: of the file.
        overwrite: whether an existing file may be replaced.
        parameter: the parameter that names the file.

    Raises:
        InputError: if it exists (also as a link to nothing) and must not be replaced, is a folder, its folder does not
            exist, or its name is too long.
        WriteError: if the system does not tell.
    """
    try:
        is_taken = path.is_dir() or (os.path.lexists(path) and not overwrite)
        has_folder = path.parent.is_dir()
    except OSError as fault:
        if fault.errno != errno.ENAMETOOLONG:
            raise WriteError.of(path, fault) from None
        raise InputError("the name is too long.", parameter=parameter, value=path) from None
    if is_taken:
        message = "exists already; choose another, or overwrite it if it is a file."
        raise InputError(message, parameter=parameter, value=path)
    if not has_folder:
        raise InputError(f"there is no folder {path.parent}.", parameter=parameter, value=path)


def next_free(folder: Path, ending: str = "") -> Path:
    """The next path NNN in a folder, numbered after all files or folders of that ending. Another process may create it
    at any moment: create it so that this fails if it exists, and then ask again."""
    taken = [int(path.stem) for path in folder.glob(f"[0-9]*{ending}") if path.stem.isdigit()]
    return folder / f"{max(taken, default=0) + 1:03d}{ending}"


def in_run(path: Path) -> Path:
    """The trajectory of a run if a run directory is given, otherwise the path itself."""
    return path / TRAJECTORY if (path / TRAJECTORY).is_file() else path


def find_file(name: str, *, beside: Path | None = None) -> Path | None:
    """A data file or folder by name: absolute, beside the scenario, in the working directory, or in a folder of
    `shelves`. A run directory stands for its trajectory."""
    try:
        path = Path(name).expanduser()
    except RuntimeError:  # the home of nobody
        return None
    places = (
        [path] if path.is_absolute() else [*([beside / path] if beside else []), path, *(s / path for s in shelves())]
    )
    return next((in_run(place) for place in places if _is_data(place)), None)


def _is_data(path: Path) -> bool:
    """Whether there is a file or a folder of this name: no device or pipe, which may have no end."""
    try:
        return path.is_file() or path.is_dir()
    except OSError:  # a name that is too long, a folder that must not be looked into
        return False


def require_file(name: str, *, beside: Path | None = None) -> Path:
    """As `find_file`, for a required file.

    Raises:
        InputError: if it is not found; the message lists the places searched.
    """
    path = find_file(name, beside=beside)
    if path is None:
        near = ["beside the scenario"] if beside else []
        places = ", ".join([*near, "in the working directory", *map(str, shelves())])
        raise InputError(f"there is no file '{printable(name)[:200]}' ({places}).")
    return path

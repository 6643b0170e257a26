"""Where scenarios, shipped recordings and texts are found: ./scenarios first, then the copy in the package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gasfield.errors import InputError

TRAJECTORY = "trajectory.h5"
"""The trajectory in the directory of a run."""
_INSTALLED = Path(__file__).parent / "scenarios"
_SOURCE_TREE = Path(__file__).parent.parent / "scenarios"


def shelves() -> list[Path]:
    """The folders that are searched, in order; only those that exist."""
    candidates = [Path("scenarios"), _INSTALLED, _SOURCE_TREE]
    found: list[Path] = []
    for candidate in candidates:
        if candidate.is_dir() and not any(candidate.samefile(other) for other in found):
            found.append(candidate)
    return found


def scenario_files() -> Iterator[Path]:
    """Every scenario on the shelves, by name; a nearer shelf hides a farther one."""
    seen: set[str] = set()
    for shelf in shelves():
        for path in sorted(shelf.glob("*.yaml")):
            if path.stem not in seen:
                seen.add(path.stem)
                yield path


def find_scenario(name: str) -> Path:
    """Resolves a path or a bare scenario name.

    Raises:
        InputError: if there is neither such a file nor such a name; the message lists the names there are.
    """
    path = Path(name)
    if path.is_file():
        return path
    if path.suffix not in (".yaml", ".yml") and len(path.parts) == 1:
        for candidate in scenario_files():
            if candidate.stem == name:
                return candidate
    known = ", ".join(p.stem for p in scenario_files()) or "none"
    raise InputError(f"{name}: no such scenario file or name. Scenarios here: {known}.")


def check_output(path: Path, *, overwrite: bool, parameter: str = "output") -> None:
    """Whether a file can be written there.

    Args:
        path: of the file.
        overwrite: whether it may replace one.
        parameter: which parameter it was given for.

    Raises:
        InputError: if it exists and may not be replaced, is a folder, or its folder does not exist.
    """
    if path.is_dir() or (path.exists() and not overwrite):
        message = "exists already; choose another, or overwrite it if it is a file."
        raise InputError(message, parameter=parameter, value=path)
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent}.", parameter=parameter, value=path)


def next_free(folder: Path, ending: str = "") -> Path:
    """The next number NNN in a folder that no file or folder of that ending has yet."""
    taken = [int(path.stem) for path in folder.glob(f"[0-9]*{ending}") if path.stem.isdigit()]
    return folder / f"{max(taken, default=0) + 1:03d}{ending}"


def in_run(path: Path) -> Path:
    """The trajectory of a run, where its directory is given; otherwise the path itself."""
    return path / TRAJECTORY if (path / TRAJECTORY).is_file() else path


def find_file(name: str, *, beside: Path | None = None) -> Path | None:
    """A data file or folder by name: absolute, beside the scenario, in the working directory, or on a shelf. The
    directory of a run stands for its trajectory."""
    path = Path(name).expanduser()
    places = (
        [path] if path.is_absolute() else [*([beside / path] if beside else []), path, *(s / path for s in shelves())]
    )
    return next((in_run(place) for place in places if place.exists()), None)


def require_file(name: str, *, beside: Path | None = None) -> Path:
    """The same, for what must be there.

    Raises:
        InputError: if it is nowhere; the message lists the places that were searched.
    """
    path = find_file(name, beside=beside)
    if path is None:
        near = ["beside the scenario"] if beside else []
        places = ", ".join([*near, "in the working directory", *map(str, shelves())])
        raise InputError(f"there is no file '{name}' ({places}).")
    return path

"""Optional packages: there, or one error that says how to install them."""

from __future__ import annotations

from importlib.util import find_spec

from gasfield.errors import InputError

FILM = "film"
"""The extra with imageio-ffmpeg, which brings the program ffmpeg."""
TABLES = "tables"
"""The extra with pandas, pyarrow, xarray and h5netcdf."""


def require_packages(names: tuple[str, ...], extra: str, purpose: str, parameter: str | None = None) -> None:
    """Checks that packages are installed; nothing is imported.

    Args:
        names: of the packages, as they are imported.
        extra: of gasfield that has them.
        purpose: what needs them, for the message.
        parameter: that asked for it.

    Raises:
        InputError: if one is missing.
    """
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        message = f"{purpose} needs {' and '.join(missing)}: pip install 'gasfield[{extra}]'."
        raise InputError(message, parameter=parameter)

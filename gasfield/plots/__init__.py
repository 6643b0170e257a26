"""Figures: a common style, and panels that draw arrays. Result classes draw themselves with these."""

import os
import sys
from contextlib import suppress


def _import_matplotlib() -> None:
    """Imports matplotlib, which fails if MPLBACKEND names no backend; pictures in files need none."""
    backend = os.environ.pop("MPLBACKEND")
    import matplotlib

    os.environ["MPLBACKEND"] = backend
    with suppress(ValueError):
        matplotlib.rcParams["backend"] = backend


if "MPLBACKEND" in os.environ and "matplotlib" not in sys.modules:
    _import_matplotlib()

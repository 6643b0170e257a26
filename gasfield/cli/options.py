"""Options shared by several commands, and their effects."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from gasfield.cli.output import put
from gasfield.errors import InputError

ScenarioName = Annotated[str, typer.Argument(metavar="SCENARIO", help="A scenario's name, or a YAML file.")]
TrajectoryFile = Annotated[
    Path, typer.Argument(metavar="TRAJECTORY", help="A trajectory, simulated or recorded, or the directory of a run.")
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="A.B=VALUE", help="Override a key by its path; repeatable.")
]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, help="Threads of kernels and BLAS. Default: all cores.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print only errors.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Print all results and notes.")]
AllPlots = Annotated[bool, typer.Option("--all-plots", help="Draw every picture, not only those of the headline.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Plots = Annotated[
    Path | None,
    typer.Option("--plots", metavar="FOLDER", file_okay=False, help="Folder for figures. Default: no figures."),
]
PictureStyle = Annotated[
    str | None, typer.Option("--style", metavar="NAME", help="A style of matplotlib for figures: dark_background, ...")
]
PictureSize = Annotated[
    str | None, typer.Option("--size", metavar="WxH", help="Size of figures [inches], such as 6x4. Default: as suits.")
]
PictureFormat = Annotated[
    str | None, typer.Option("--picture-format", metavar="FORMAT", help="Of figures: png (default), svg or pdf.")
]
Plugins = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        metavar="FILE.py",
        help="Execute this Python file first, with your permissions, to register kinds of your own; repeatable.",
    ),
]
FrameRange = Annotated[
    str | None, typer.Option("--frames", metavar="A:B", help="Range of frames, end excluded. Default: all.")
]
RowRange = Annotated[
    str | None, typer.Option("--rows", metavar="A:B", help="Range of row numbers, end excluded. Default: all.")
]
OnlyGroups = Annotated[list[str] | None, typer.Option("--group", metavar="NAME", help="Only this group; repeatable.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")]
Tensor = Annotated[
    str | None, typer.Option("--tensor", metavar="NAME", help="Name of the tensor; found by common names if omitted.")
]


def run_plugins(paths: list[Path] | None) -> None:
    """Executes the given Python files, with a message for each."""
    if not paths:
        return
    from gasfield.plugins import run_plugin

    for path in paths:
        put(f"gasfield: running the Python file {path} (--plugin)", stream=sys.stderr)
        run_plugin(path)


def sides_of(text: str) -> tuple[float, float]:
    """Width and height [inches].

    Raises:
        InputError: if that is not what a text says.
    """
    match = re.fullmatch(r"(\d{1,4}(?:\.\d{1,4})?)x(\d{1,4}(?:\.\d{1,4})?)", text, re.ASCII)
    if match is None:
        raise InputError("write width and height in inches, such as 6x4.", parameter="size", value=text)
    return float(match[1]), float(match[2])


def limit_threads(threads: int | None) -> None:
    """Sets how many threads kernels and BLAS use."""
    if threads is None:
        return
    import numba
    from threadpoolctl import threadpool_limits

    numba.set_num_threads(min(threads, numba.get_num_threads()))
    threadpool_limits(threads)

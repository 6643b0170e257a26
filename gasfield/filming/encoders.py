"""Writers of films by the endings of their files: GIF by Pillow, MP4 and WebM by ffmpeg, that of the system or the one
that the package imageio-ffmpeg brings."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.animation import AbstractMovieWriter, FFMpegWriter, PillowWriter

from gasfield.errors import InputError
from gasfield.extras import FILM

_YUV = ["-pix_fmt", "yuv420p"]
"""Colours that all players show."""
_OF_FFMPEG: dict[str, dict[str, Any]] = {
    ".mp4": {"codec": "libx264", "extra_args": [*_YUV, "-crf", "20", "-movflags", "+faststart"]},
    ".webm": {"codec": "libvpx-vp9", "extra_args": [*_YUV, "-crf", "32", "-b:v", "0"]},
}
ENDINGS = (".gif", *_OF_FFMPEG)


def writer_for(path: Path, frames_per_second: float) -> AbstractMovieWriter:
    """A writer for the ending of a file.

    Raises:
        InputError: if there is no such format, or no ffmpeg.
    """
    if path.suffix not in ENDINGS:
        raise InputError(f"must end in {' or '.join(ENDINGS)}.", parameter="output", value=path)
    if path.suffix == ".gif":
        return PillowWriter(fps=frames_per_second)  # type: ignore[arg-type]
    _find_ffmpeg()
    if not FFMpegWriter.isAvailable():
        message = (
            f"{path.suffix} needs ffmpeg: pip install 'gasfield[{FILM}]', or the program itself; .gif works without it."
        )
        raise InputError(message, parameter="output", value=path)
    options: dict[str, Any] = _OF_FFMPEG[path.suffix]
    return FFMpegWriter(fps=frames_per_second, **options)  # type: ignore[arg-type]


def _find_ffmpeg() -> None:
    """Lets matplotlib find the ffmpeg of the package, where the system has none."""
    if FFMpegWriter.isAvailable() or find_spec("imageio_ffmpeg") is None:
        return
    import imageio_ffmpeg

    try:
        matplotlib.rcParams["animation.ffmpeg_path"] = imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError:  # a package without a program for this machine
        return

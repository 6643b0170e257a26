"""Runs and trajectories as one HTML page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gasfield.errors import InputError
from gasfield.files import write_file
from gasfield.memory import require_disk
from gasfield.printable import shortened
from gasfield.reporting.page import page
from gasfield.reporting.reading import read_subject
from gasfield.resources import check_output

_MOST = 20
"""Runs in one report: more are a sweep, whose table and diagrams say more."""


def report(
    sources: Path | str | Sequence[Path | str],
    output: Path | str,
    *,
    title: str | None = None,
    answer: str | None = None,
    headline: Sequence[str] | None = None,
    diagnostics: Sequence[Any] | None = None,
    pictures: bool = True,
    overwrite: bool = False,
    stage: Callable[[str], None] | None = None,
) -> Path:
    """Writes a page about one run, or several side by side.

    Args:
        sources: run directories, whose results are taken as they are, or trajectories (simulated, recorded, imported,
            traced), which are diagnosed now.
        output: file to write, .html.
        title: of the page.
        answer: the answer to the question in words.
        headline: paths of the numbers that answer; see `gasfield.reporting.headline.headline`.
        diagnostics: computed anew, as `gasfield.diagnose` takes them, also where a run has results.
        pictures: whether they are embedded.
        overwrite: whether the file may be replaced.
        stage: called with what is done next.

    Returns:
        The path of the page.

    Raises:
        InputError: if nothing is given, a source is neither or cannot be read, a diagnostic or a headline number is
            not there, or the file exists.
        WriteError: if it cannot be written; nothing of it is left then.
    """
    given = [sources] if isinstance(sources, Path | str) else list(sources)
    path = Path(output)
    if not given or len(given) > _MOST:
        raise InputError(f"give 1 to {_MOST} runs, not {len(given)}.", parameter="sources")
    if path.suffix not in (".html", ".htm"):
        raise InputError("must end in .html.", parameter="output", value=path)
    check_output(path, overwrite=overwrite)
    paths = [Path(source) for source in given]
    subjects = [
        read_subject(source, label, diagnostics, pictures=pictures, stage=stage or (lambda name: None))
        for source, label in zip(paths, labels_of(paths), strict=True)
    ]
    data = page(subjects, title=title, answer=answer, keys=headline).encode("utf-8", "replace")
    require_disk(len(data), path.parent, str(path), "output")
    return write_file(path, data)


def labels_of(paths: Sequence[Path]) -> list[str]:
    """Short names that tell paths apart: their last parts, as many as are needed, numbered where they are equal."""
    parts = [path.absolute().parts for path in paths]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-length:]) for part in parts]
        if len(set(names)) == len(names):
            return [shortened(name) for name in names]
    return [f"{number}: {shortened(path.name)}" for number, path in enumerate(paths, 1)]

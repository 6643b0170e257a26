"""One HTML file of a sweep, with all numbers of its table."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from gasfield.errors import InputError
from gasfield.files import draft_of, writing
from gasfield.pages.content import Content
from gasfield.resources import check_output
from gasfield.sweeps import Sweep, open_sweep
from gasfield.sweeps.points import count_points
from gasfield.sweeps.store import POINTS, Store
from gasfield.sweeps.transitions import Transition
from gasfield.viewing import client
from gasfield.viewing.page import Element, described, document
from gasfield.viewing.writing import LARGEST_PAGE

MOST_ROWS = 20_000
"""Rows of the table (points with seeds) in a page: each may be an element of its drawing."""


def view_sweep(
    sweep: Sweep | str | Path,
    *,
    output: str | Path,
    transitions: Sequence[Transition] | None = None,
    overwrite: bool = False,
) -> Path:
    """Writes a page of a sweep: its results over the keys that vary, and each run behind a point.

    Args:
        sweep: finished or not; open, or its directory.
        output: the file to write, .html. Links to run directories are relative to it.
        transitions: to be shown, as `Sweep.transitions` finds them; if left out, those of Binder cumulants,
            susceptibilities and fluctuations.
        overwrite: whether an existing file may be replaced.

    Returns:
        The path.

    Raises:
        InputError: if there is no sweep, it has no results yet, or is too large for a page.
        WriteError: if the file cannot be written.
    """
    path = Path(output)
    if path.suffix.lower() not in (".html", ".htm"):
        raise InputError("must end in .html.", parameter="output", value=path)
    check_output(path, overwrite=overwrite)
    opened = opened_for_page(sweep)
    folder = Path(os.path.relpath(opened.directory / POINTS, path.absolute().parent)).as_posix()
    content = content_of(opened, transitions, runs=f"{quote(folder, errors='surrogateescape')}/")
    size = 0
    with draft_of(path) as draft, writing(path), draft.open("wb") as file:
        for part in page_of(content):
            size += file.write(part)
            if size > LARGEST_PAGE:
                raise _too_large(
                    f"{len(opened.table.keys):,} runs with {len(opened.table.columns):,} results would have more than "
                    f"{LARGEST_PAGE / 1e6:.0f} MB"
                )
    return path


def opened_for_page(sweep: Sweep | str | Path) -> Sweep:
    """A sweep as far as it has come, if a page can hold it.

    Raises:
        InputError: if there is no sweep, it has no results yet, or is too large for a page.
    """
    if not isinstance(sweep, Sweep):
        store = Store.read(Path(sweep))
        if store is not None:  # before as many files are read
            _require_few(max(count_points(scan, store.first_seed) for scan in store.scans))
        sweep = open_sweep(sweep)
    _require_few(len(sweep.table.keys))
    if not sweep.table.columns:
        reason = next(filter(None, sweep.table.reasons), "")
        failed = f", and {sweep.table.status.count('failed'):,} failed: {reason}" if reason else "."
        raise InputError(f"{sweep.directory}: no point of this sweep has results yet{failed}")
    return sweep


def content_of(sweep: Sweep, transitions: Sequence[Transition] | None, *, runs: str, live: bool = False) -> Content:
    """See `Content.of`."""
    return Content.of(sweep, Store.read(sweep.directory), transitions, runs=runs, live=live)


def page_of(content: Content) -> Iterator[bytes]:
    """The parts of the page."""

    def data() -> Iterator[Element]:
        yield described(content.description)
        yield from content.blobs()

    style = client.read("style.css") + client.read("sweep.css")
    return document(content.title, style, client.read("page.html"), data(), [client.joined("sweep_page.js")])


def _require_few(rows: int) -> None:
    if rows > MOST_ROWS:
        raise _too_large(f"the sweep has {rows:,} runs, a page at most {MOST_ROWS:,}")


def _too_large(why: str) -> InputError:
    return InputError(f"too large for one page: {why}; draw results one by one, or use table.parquet.")

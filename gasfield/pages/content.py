"""What the page of a sweep is made of: a description in JSON, and the numbers of each result beside it.

    {"title", "question", "version", "folder", "runs", "live", "keys": [{name, values, numeric, log}], "points": for
     each key the number of its value at each point, "rows": {point, seed, status, reason, key, run}, "reasons",
     "results": [{name, unit}], "chosen": the result that is shown first, "transitions", "notes"}

A blob `result I` is float64 by planes of bytes, deflated: values and errors of all rows; then mean, standard error,
scatter between seeds and its ratio to their errors of all points.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from gasfield.pages.axes import axes_of
from gasfield.pages.located import told, transitions_by_name
from gasfield.printable import printable, shortened
from gasfield.resources import TRAJECTORY
from gasfield.statistics.between_runs import mean_of_runs, scatter, scatter_ratio
from gasfield.sweeps import Sweep
from gasfield.sweeps.store import Store, run_directory
from gasfield.sweeps.table import Integers, Table
from gasfield.sweeps.transitions import Transition
from gasfield.version import __version__
from gasfield.viewing.packing import pack
from gasfield.viewing.page import Element

_LONGEST = 400
"""Characters of a title or a reason."""
_STATUS = ("", "done", "failed")


@dataclass(frozen=True)
class Content:
    """What a page holds.

    Attributes:
        table: the results.
        ensemble: (rows,) number of the point of each row.
        names: of the results, in their order in the page.
        description: see the module.
    """

    table: Table
    ensemble: Integers
    names: list[str]
    description: dict[str, Any]

    @property
    def title(self) -> str:
        """Of the page."""
        return str(self.description["title"])

    @classmethod
    def of(
        cls, sweep: Sweep, store: Store | None, located: Sequence[Transition] | None, *, runs: str, live: bool
    ) -> Self:
        """That of a sweep.

        Args:
            sweep: with results.
            store: its directory; None if it is not there any more.
            located: its transitions; if None, those whose results say how are looked for.
            runs: address of the folder of all runs as the page sees it.
            live: whether runs are pages of a server, and not folders.
        """
        table, names = sweep.table, sorted(sweep.table.columns)
        ensemble = table.point_of_rows()
        axes, numbers = axes_of(table)
        found, notes = transitions_by_name(table, axes) if located is None else (located, [])
        if unfinished := table.status.count(""):
            notes.insert(0, f"{unfinished:,} of {len(table.keys):,} runs were still to be made when this page was")
        scenario = store.origin.data if store is not None and isinstance(store.origin.data, dict) else {}
        description = {
            "title": shortened(str(scenario.get("title") or sweep.directory.name), _LONGEST),
            "question": shortened(str(scenario.get("question") or ""), _LONGEST),
            "version": __version__,
            "folder": shortened(str(sweep.directory), _LONGEST),
            "runs": runs,
            "live": live,
            "keys": [axis.described() for axis in axes],
            "points": numbers,
            **_rows(sweep, ensemble),
            "results": [{"name": printable(name), "unit": printable(table.columns[name].unit)} for name in names],
            "chosen": _first_shown(names, table, _asked(scenario, store), found),
            "transitions": list(told(found, names, axes)),
            "notes": notes,
        }
        return cls(table, ensemble, names, description)

    def blobs(self) -> Iterator[Element]:
        """The numbers of each result."""
        first = np.unique(self.ensemble, return_index=True)[1]
        for number, name in enumerate(self.names):
            column = self.table.columns[name]
            value, error = np.asarray(column.value), np.asarray(column.error)
            mean, of_mean = mean_of_runs(value, error, self.ensemble)
            ratio = scatter_ratio(value, error, self.ensemble)[0]
            numbers = [value, error, mean, of_mean, scatter(value, self.ensemble)[first], ratio]
            yield f"result {number}", "application/base64", base64.b64encode(pack(np.concatenate(numbers)))


def _rows(sweep: Sweep, ensemble: Integers) -> dict[str, Any]:
    table = sweep.table
    reasons = list(dict.fromkeys(table.reasons))
    number = {reason: index for index, reason in enumerate(reasons)}
    rows = {
        "point": ensemble.tolist(),
        "seed": [str(point.seed) for point in table.points],  # beyond 2^53, numbers of JavaScript are others
        "status": [_STATUS.index(status) for status in table.status],
        "reason": [number[reason] for reason in table.reasons],
        "key": table.keys,
        "run": [int((run_directory(sweep.directory, key) / TRAJECTORY).is_file()) for key in table.keys],
    }
    return {"rows": rows, "reasons": [shortened(reason, _LONGEST) for reason in reasons]}


def _asked(scenario: Mapping[str, Any], store: Store | None) -> list[str]:
    """Results by which scans are refined, and the headline of the scenario."""
    headline = scenario.get("headline")
    refined = [scan.refined[2].result for scan in store.scans if scan.refined] if store is not None else []
    return [*refined, *map(str, headline if isinstance(headline, list) else [])]


def _first_shown(names: list[str], table: Table, asked: list[str], found: Sequence[Transition]) -> int:
    """The first result that was asked for, else the first with a transition, else the first that differs between rows
    and has errors."""
    for key in asked:
        for number, name in enumerate(names):
            if f".{key}." in f".{name}.":
                return number
    for each in found:
        if each.place is not None:
            return names.index(each.result)
    for number, name in enumerate(names):
        value, error = np.asarray(table.columns[name].value), np.asarray(table.columns[name].error)
        known = np.isfinite(value) & np.isfinite(error) & (error > 0)
        if known.any() and np.ptp(value[known]) > 0:
            return number
    return 0

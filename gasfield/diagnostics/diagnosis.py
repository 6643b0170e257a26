"""Runs diagnostics on a trajectory and collects their results."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gasfield.diagnostics.arrays import write_arrays
from gasfield.diagnostics.base import DIAGNOSTICS, Diagnostic, GroupedResult, Result, Scope
from gasfield.diagnostics.context import WHOLE, Origin, RunContext
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.grouping import group_of, survey_of, whole_of
from gasfield.diagnostics.headline import Headline, headline_of
from gasfield.diagnostics.keys import leaves
from gasfield.errors import InputError, Note, about, index_of
from gasfield.printable import LISTED, listed
from gasfield.quantity import Quantity
from gasfield.scenario.anchors import anchor
from gasfield.scenario.diagnostic import AnyDiagnostic, DiagnosticSpec, repeated_label
from gasfield.shown import Shown
from gasfield.spec import parse
from gasfield.trajectory import SURVEYED, Trajectory, open_trajectory

if TYPE_CHECKING:
    import pandas
    import xarray
    from matplotlib.figure import Figure, SubFigure

    from gasfield.plots.style import OnFailure

EVERY = "every diagnostic"
"""In place of the name of a diagnostic in notes on the data."""


@dataclass(frozen=True)
class LeftOut:
    """A diagnostic that does not apply to a group, and why."""

    group: str
    diagnostic: str
    reason: str


@dataclass(frozen=True)
class Diagnosis(Shown):
    """Every result of every group, and of the gas as a whole.

    Attributes:
        results: group name -> name of the diagnostic -> result.
        whole: name of the diagnostic -> result for the gas as a whole.
        left_out: what does not apply, and why.
        common: group name -> notes on its data: which rows have no finite position, which frames are left out.
        diagnostics: those that were computed.
        chosen: whether they were chosen, rather than all of them computed.
    """

    results: dict[str, dict[str, Result]] = field(default_factory=dict)
    whole: dict[str, Result] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    common: dict[str, tuple[str, ...]] = field(default_factory=dict)
    diagnostics: tuple[Diagnostic[Result], ...] = ()
    chosen: bool = True

    def everything(self, whole: str = WHOLE) -> Iterator[tuple[str, str, Result]]:
        """(group, diagnostic, result); results for the gas as a whole have the group `whole`."""
        for group, results in [*self.results.items(), (whole, self.whole)]:
            for diagnostic, result in results.items():
                yield group, diagnostic, result

    @property
    def shown_title(self) -> str:
        """How many groups and results there are."""
        numbers = sum(len(result.estimates) for _, _, result in self.everything())
        return f"Diagnosis of {len(self.results)} groups: {numbers:,} numbers (as_json() has all)"

    def shown_numbers(self) -> dict[str, Quantity]:
        """The results that matter most, by group and key."""
        return self.headline().numbers()

    def headline(self, asked: Sequence[str] | None = None) -> Headline:
        """The few results that answer the question of a run; see `gasfield.diagnostics.headline`."""
        return headline_of(self, asked)

    def of_groups(self, names: Collection[str]) -> Diagnosis:
        """The results of these groups alone, without those of the gas as a whole."""
        return replace(
            self,
            results={name: found for name, found in self.results.items() if name in names},
            whole={},
            left_out=[entry for entry in self.left_out if entry.group in names],
            common={name: notes for name, notes in self.common.items() if name in names},
        )

    def telling(self, label: str, results: Mapping[str, Quantity]) -> tuple[str, ...]:
        """Keys of the results of a diagnostic that matter most: those that it names, the first two if it names none;
        where all diagnostics were computed, the first that it names."""
        diagnostic = next((each for each in self.diagnostics if each.label == label), None)
        named = None if diagnostic is None else diagnostic.telling
        if named is None:
            return tuple(results)[:2] if self.chosen else ()
        prefix = "" if label in DIAGNOSTICS else f"{label}."
        return tuple(f"{prefix}{key}" for key in (named if self.chosen else named[:1]))

    @property
    def missing(self) -> dict[str, str]:
        """Names of diagnostics that were chosen and that apply to no group, each with the first reason."""
        given = {label for _, label, _ in self.everything()}
        found = [entry for entry in self.left_out if self.chosen and entry.diagnostic not in given]
        return {entry.diagnostic: entry.reason for entry in reversed(found)}

    def is_picture(self, label: str) -> bool:
        """Whether the picture of a diagnostic that was chosen is all that matters of it."""
        return self.chosen and any(each.label == label and each.telling == () for each in self.diagnostics)

    def as_json(self) -> dict[str, Any]:
        """Leaves under `groups.NAME` and under `gas`, then what was left out, and the notes on what is undefined.

        The keys of a diagnostic with its own name are prefixed with that name.
        """
        groups = {name: leaves(results) for name, results in self.results.items()}
        notes = [
            {"group": group, "diagnostic": EVERY, "note": note}
            for group, common in self.common.items()
            for note in common
        ]
        notes += [
            {"group": group, "diagnostic": diagnostic, "note": note}
            for group, diagnostic, result in self.everything()
            for note in result.notes
            if note not in self.common.get(group, ())
        ]
        whole = {WHOLE: leaves(self.whole)} if self.whole else {}
        return {"groups": groups, **whole, "left_out": [vars(entry) for entry in self.left_out], "notes": notes}

    def to_dataframe(self) -> pandas.DataFrame:
        """All numbers: a line for each, with `group` ("gas": the gas as a whole), `diagnostic`, `name`, `part` (of a
        list, from 1; 0 for a single number), `value`, `error` (NaN: unknown) and `unit`.

        Raises:
            InputError: if pandas is not installed.
        """
        from gasfield.diagnostics.tables import numbers_as_dataframe

        return numbers_as_dataframe(self.everything())

    def to_xarray(self) -> xarray.Dataset:
        """The single numbers over `group`, as NAME and NAME.error, with units as attributes; NaN where a group has
        none.

        Raises:
            InputError: if xarray is not installed.
        """
        from gasfield.diagnostics.tables import numbers_as_xarray

        return numbers_as_xarray(self.everything())

    def write_arrays(self, path: Path) -> bool:
        """Writes the arrays of all results into an HDF5 file; see `gasfield.diagnostics.arrays`."""
        return write_arrays(path, self.everything())

    def figures(self, diagnostics: Collection[str] | None = None) -> dict[str, Callable[[], Figure | SubFigure]]:
        """A figure for each result, by the name `GROUP-DIAGNOSTIC`, or one for all groups, `groups-DIAGNOSTIC`, where
        they are best compared; drawn when it is called. Results with nothing to draw are skipped, and so are the
        groups after the first hundred: `results[GROUP][DIAGNOSTIC].plot()` draws those.

        Args:
            diagnostics: names of the diagnostics that are drawn; all if left out.
        """
        if len(self.results) > LISTED:
            note = f"pictures show the first {LISTED} of {len(self.results):,} groups"
            warnings.warn(Note(note), stacklevel=2)
        drawn = {*list(self.results)[:LISTED], WHOLE}
        pictures: dict[str, Callable[[], Figure | SubFigure]] = {}
        together: dict[str, list[GroupedResult]] = {}
        for group, diagnostic, result in self.everything():
            if not result.drawable or group not in drawn or (diagnostics is not None and diagnostic not in diagnostics):
                continue
            if isinstance(result, GroupedResult) and len(self.results) > 1:
                together.setdefault(diagnostic, []).append(result)
            else:
                pictures[f"{group}-{diagnostic}"] = lambda result=result: result.plot().figure  # type: ignore[misc]
        for diagnostic, results in together.items():
            draw = partial(type(results[0]).plot_grouped, results)
            pictures[f"groups-{diagnostic}"] = lambda draw=draw: draw().figure  # type: ignore[misc]
        return pictures

    def plot_all(self, folder: Path, failed: OnFailure | None = None) -> list[Path]:
        """Writes every figure as a PNG file in a folder; see `gasfield.plots.style.save_all`."""
        from gasfield.plots.style import save_all

        return save_all(self.figures(), folder, failed)


def diagnose(
    trajectory: Trajectory | Path | str,
    diagnostics: Sequence[str | Mapping[str, Any] | DiagnosticSpec] | None = None,
    *,
    groups: Sequence[str] | None = None,
    context: RunContext | None = None,
    keep_going: bool = False,
    stage: Callable[[str], None] | None = None,
) -> Diagnosis:
    """Runs diagnostics on every group of a trajectory, on its survey and on the gas as a whole, where they apply.

    Args:
        trajectory: an open one, or the path of a file or of a run directory.
        diagnostics: their kinds, mappings with `kind` and parameters, or specifications; all with their defaults if
            left out.
        groups: names of the groups, each once; every group and the survey if left out. Diagnostics of the gas as a
            whole are not affected.
        context: the model of the run, if available; rebuilt from the file if left out.
        keep_going: whether a diagnostic that raises an error is left out, with the error as the reason.
        stage: called with the group and the diagnostic before each is computed.

    Raises:
        InputError: if a diagnostic is unknown, a parameter is wrong, two share a name, or there is no such file or
            group.
    """
    chosen = chosen_diagnostics(diagnostics)
    opened = nullcontext(trajectory) if isinstance(trajectory, Trajectory) else open_trajectory(trajectory)
    with opened as source:
        if context is not None and context.space.dimensions != source.dimensions:
            raise InputError(
                f"{source.path}: the run has {context.space.dimensions} dimensions, the file {source.dimensions}.",
                parameter="context",
            )
        origin = Origin(context, labels=tuple(source.tokens)) if context else Origin.of(source)
        return _diagnose(
            source, chosen, _names(source, groups), origin, keep_going, stage, selected=diagnostics is not None
        )


def _names(trajectory: Trajectory, groups: Sequence[str] | None) -> list[str]:
    """The groups that are diagnosed, the survey among them."""
    names = [*trajectory.names, *([SURVEYED] if trajectory.has_survey else [])]
    if groups is None:
        return names
    for name in set(groups) - set(names):
        raise InputError(f"no group '{name}'; the groups here are {listed(names)}.", parameter="groups")
    return list(dict.fromkeys(groups))


def chosen_diagnostics(
    diagnostics: Sequence[str | Mapping[str, Any] | DiagnosticSpec] | None,
) -> tuple[Diagnostic[Result], ...]:
    """The diagnostics specified; all, with their defaults, if None.

    Raises:
        InputError: as `diagnose`, with where the diagnostic is described.
    """
    given = tuple(DIAGNOSTICS.with_installed()) if diagnostics is None else tuple(diagnostics)
    try:
        with about("diagnostics"):
            chosen: tuple[Diagnostic[Result], ...] = parse(tuple[AnyDiagnostic, ...], given)
            if (fault := repeated_label(chosen)) is not None:
                raise InputError(f"{fault}.")
    except InputError as error:
        for one in error.faults:
            place = tuple(map(index_of, (one.parameter or "").split(".")))
            one.reference = anchor(place, {"diagnostics": list(given)})
        raise
    return chosen


def _diagnose(
    trajectory: Trajectory,
    chosen: Sequence[Diagnostic[Result]],
    names: Sequence[str],
    origin: Origin,
    keep_going: bool,
    stage: Callable[[str], None] | None,
    *,
    selected: bool,
) -> Diagnosis:
    diagnosis = Diagnosis(diagnostics=tuple(chosen), chosen=selected)
    of_groups = [diagnostic for diagnostic in chosen if diagnostic.scope is Scope.GROUP]
    of_whole = [diagnostic for diagnostic in chosen if diagnostic.scope is Scope.WHOLE]
    diagnosis.results.update({name: {} for name in names})
    for name in names if of_groups else ():
        survey = survey_of(trajectory) if name not in trajectory.names else None
        group = survey or group_of(trajectory, name, origin=origin)
        _compute(of_groups, group, diagnosis.results[name], diagnosis, keep_going, stage)
    if origin.context is None:  # the gas need not be read for these
        of_runs = [diagnostic for diagnostic in of_whole if diagnostic.needs_run]
        diagnosis.left_out.extend(LeftOut(WHOLE, diagnostic.label, origin.reason) for diagnostic in of_runs)
        of_whole = [diagnostic for diagnostic in of_whole if not diagnostic.needs_run]
    if of_whole:
        _compute(of_whole, whole_of(trajectory, origin), diagnosis.whole, diagnosis, keep_going, stage)
    return diagnosis


def _compute(
    diagnostics: Sequence[Diagnostic[Result]],
    group: Group,
    results: dict[str, Result],
    diagnosis: Diagnosis,
    keep_going: bool,
    stage: Callable[[str], None] | None,
) -> None:
    if common := (*group.notes, *([] if group.fault is None else [group.fault])):
        diagnosis.common[group.name] = common
    for diagnostic in diagnostics:
        if stage is not None:
            stage(f"{group.name}: {diagnostic.label}")
        try:
            reason = diagnostic.why_not(group)
            if reason is None:
                result = diagnostic.result(group)
                if keep_going:  # what cannot be written must not prevent the rest
                    json.dumps(leaves({diagnostic.label: result}), allow_nan=False)
                results[diagnostic.label] = result
        except Exception as fault:
            if not keep_going:
                raise
            reason = f"it failed: {type(fault).__name__}: {fault}"
            warnings.warn(Note(f"{group.name}: {diagnostic.label} is left out: {reason}"), stacklevel=4)
        if reason is not None:
            diagnosis.left_out.append(LeftOut(group.name, diagnostic.label, reason))

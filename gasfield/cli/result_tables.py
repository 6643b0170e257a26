"""What commands print of runs, diagnoses, comparisons, fits and forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gasfield.cli.cost_table import print_profile
from gasfield.cli.headline_table import print_headline, print_missing, print_unknown
from gasfield.cli.numbers import print_leaves
from gasfield.cli.output import put, put_file
from gasfield.cli.tables import BRACKETS, Rows, console
from gasfield.printable import LISTED, listed, shortened

if TYPE_CHECKING:
    from gasfield.comparison import Comparison
    from gasfield.comparison.side_by_side import Row
    from gasfield.learning.fit import Fit
    from gasfield.learning.forecasting import Forecast
    from gasfield.runs import RunResult

_REMARKS = 2000
"""Lines on what was left out, and notes, that are printed."""


def print_run(result: RunResult, *, verbose: bool = False) -> None:
    """Prints the question of a run, the results that answer it (all, if verbose), where the rest is, and what to do
    next."""
    if result.question:
        put(result.question)
    diagnosis, headline, comparison = result.diagnosis, result.headline, result.comparison
    if comparison is not None:
        (print_comparison if verbose else print_together)(comparison)
        diagnosis, headline = diagnosis.of_groups(result.uncompared), headline.of_groups(result.uncompared)
        if result.uncompared:
            put(f"not in {shortened(comparison.real_file.name)}: {listed(result.uncompared)}")
    if not verbose and (comparison is None or result.uncompared):
        print_headline(diagnosis, headline)
    else:
        if comparison is None or result.uncompared:
            print_diagnosis(diagnosis.as_json())
        print_unknown(result.headline)
        if comparison is not None:
            print_missing(result.diagnosis)
    count = f"{len(result.plots)} picture{'' if len(result.plots) == 1 else 's'}"
    put(f"simulated in {result.seconds:.1f} s; {count}, summary.json and trajectory in {result.directory}")
    if result.profile is not None:
        print_profile(result.profile)


def print_together(comparison: Comparison) -> None:
    """Prints the comparison of all rows together, and how many numbers there are of single groups."""
    rows = comparison.table()
    shown = [row for row in rows if row.group == rows[0].group]
    _comparison_table(comparison, shown).put()
    _print_law(comparison)
    if len(rows) > len(shown):
        groups = len({row.group for row in rows}) - 1
        put(f"{len(rows) - len(shown)} more numbers, of {groups} groups: --verbose")


def print_comparison(comparison: Comparison) -> None:
    """Prints a comparison as a table: the two and their difference; sections for all rows and for each
    group; then what is left out of it, and why."""
    rows = comparison.table()
    sections = list(dict.fromkeys(row.group for row in rows))
    _comparison_table(comparison, [row for row in rows if row.group in sections[:LISTED]]).put()
    _put_rest(len(sections))
    for note in comparison.alignment_notes[:_REMARKS]:
        put(f"note: {note}")
    _print_law(comparison)


def _comparison_table(comparison: Comparison, rows: Sequence[Row]) -> Rows:
    table = Rows("")
    for column in (*comparison.names, "difference", "unit"):
        table.column(column)
    section = None
    for row in rows:
        if row.group != section:
            section = row.group
            table.row([shortened(row.group)], style="bold")
        unit = "" if row.unit == "1" else row.unit
        table.row([f"  {row.name}", row.real, row.simulated, row.difference, unit])
    return table


def _print_law(comparison: Comparison) -> None:
    screen = console(highlight=False)
    for difference in comparison.law:
        screen.print(f"not the same law: {shortened(difference, 1000)}", style="bold")
    screen.print(BRACKETS, style="dim")


def print_diagnosis(data: dict[str, Any]) -> None:
    """Prints results of diagnostics by group, one per line; then omitted or undefined ones, with reasons."""
    groups = data["groups"]
    sections = {name: groups[name] for name in list(groups)[:LISTED]}
    for section, results in sections.items():
        put(shortened(section))
        print_leaves(results)
    _put_rest(len(groups))
    if "gas" in data:
        put("gas as a whole")
        print_leaves(data["gas"])
    hidden = groups.keys() - sections.keys()
    omitted = [f"{entry['diagnostic']} omitted: {entry['reason']}" for entry in data["left_out"]]
    noted = [f"{entry['diagnostic']}: {entry['note']}" for entry in data["notes"]]
    groups_of = [entry["group"] for entry in (*data["left_out"], *data["notes"])]
    remarks = [
        f"{shortened(group)}: {text}"
        for group, text in zip(groups_of, (*omitted, *noted), strict=True)
        if group not in hidden
    ]
    for remark in remarks[:_REMARKS]:
        put(remark)
    if len(remarks) > _REMARKS:
        put(f"... {len(remarks) - _REMARKS:,} more remarks (--json has all)")


def _put_rest(groups: int) -> None:
    """Says how many groups are not printed, if any."""
    if groups > LISTED:
        put(f"... {groups - LISTED:,} more groups (--json has all)")


def print_fit(fit: Fit) -> None:
    """Prints the numbers of a fit, one per line; then its notes and its file."""
    data = fit.as_json()
    terms = ", ".join(f"{name} ({kind})" if name != kind else name for name, kind in data["terms"].items())
    source = f"steps {data['span'][0]} to {data['span'][1]}" if fit.model.needs_data else "its specification"
    put(f"{terms}: {data['target']}, learned from {source}")
    print_leaves(data["results"])
    for note in data["notes"]:
        put(f"note: {note}")
    if fit.path is not None:
        put_file(fit.path)


def print_forecast(forecast: Forecast) -> None:
    """Prints the verdict, the skills by horizon, what is not available, and the notes."""
    for line in forecast.verdict:
        put(line)
    table = Rows("skill")
    for horizon in forecast.horizons:
        shortest, longest = forecast.steps_ahead[horizon]
        steps = f"{shortest}" if shortest == longest else f"{shortest} to {longest}"
        table.column(f"{horizon} frames ahead" + ("" if steps == str(horizon) else f" ({steps} steps)"))
    for model in forecast.skill[forecast.horizons[0]]:
        table.row([model, *(forecast.skill[horizon][model].text() for horizon in forecast.horizons)])
    mse = (forecast.mse[horizon]["persistence"].text() for horizon in forecast.horizons)
    table.row(["mean squared error of persistence", *mse], style="dim")
    for model, terms in forecast.terms.items():
        for term, left in terms.items():
            losses = (left.loss[horizon].text() for horizon in forecast.horizons)
            table.row([f"skill that {model} gains by its {term}", *losses], style="dim")
    table.put()
    for model, reason in forecast.reasons.items():
        put(f"{model}: not computed: {reason}")
    start, stop = forecast.train
    put(f"{forecast.count} rows ({forecast.rows}); fitted to frames {start} to {stop - 1}, tested up to frame "
        f"{forecast.frames - 1}")  # fmt: skip
    for note in forecast.notes:
        put(f"note: {note}")

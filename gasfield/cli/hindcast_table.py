"""What `gasfield hindcast` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gasfield.cli.numbers import print_leaves
from gasfield.cli.output import put
from gasfield.printable import shortened

if TYPE_CHECKING:
    from gasfield.hindcasting import HindcastResult


def print_hindcast(result: HindcastResult) -> None:
    """Prints how far a hindcast departs from its recording, where and why, group by group; then what is not the same
    law, the notes, and where everything is kept."""
    plan = result.plan
    groups = ", ".join(map(shortened, plan.groups))
    put(f"{plan.recording}: {groups}; {plan.steps} steps in the {plan.field} field, {result.law_text}")
    for name, group in result.groups.items():
        put(shortened(name))
        print_leaves({key: quantity.leaf() for key, quantity in group.errors().items()})
        for each in group.by_count:
            rows, error = len(each.tokens.members), each.error.quantity()
            put(f"  displacement_error of {rows} tokens that occurred {each.tokens.name} times = {error.text()}")
        for line in group.sentences():
            put(f"  {line}")
    for difference in result.law_differences:
        put(f"not the same law: {difference}")
    for note in result.notes:
        put(f"note: {note}")
    put(f"scenario, trajectory and plots in {result.run.directory}; gasfield run {result.scenario_file} runs it again")

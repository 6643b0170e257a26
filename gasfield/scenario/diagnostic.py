"""Which diagnostics a scenario asks for: their kinds and parameters. What they compute is in `gasfield.diagnostics`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from gasfield.names import NAME
from gasfield.registry import Registry
from gasfield.spec import Spec


class DiagnosticSpec(Spec):
    """A diagnostic with its parameters."""

    name: Annotated[str, Field(pattern=f"^{NAME}$")] | None = None
    """Under which its results are given; its kind if left out. Needed where the same kind is asked for twice."""

    @property
    def kind_name(self) -> str:
        """Its kind."""
        return str(self.kind)  # type: ignore[attr-defined]

    @property
    def label(self) -> str:
        """The name of its results."""
        return self.name or self.kind_name


DIAGNOSTICS = Registry(
    "diagnostic", DiagnosticSpec, package="gasfield.diagnostics", shorthand=True, former_kinds={"sky": "directions"}
)
"""`kind` -> specification of every diagnostic."""

AnyDiagnostic = Annotated[DiagnosticSpec, DIAGNOSTICS.by_kind]
"""Any registered diagnostic: its name, or a mapping with the key `kind` and its parameters."""


def repeated_label(choices: Sequence[DiagnosticSpec]) -> str | None:
    """What is wrong where two diagnostics would give their results under one name; None if nothing is."""
    labels = [choice.label for choice in choices]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is None:
        return None
    return f"two diagnostics would give their results as '{twice}'; give one of them a name of its own (name: ...)"

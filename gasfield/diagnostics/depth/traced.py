"""The trace behind a group, for diagnostics that need more than positions."""

from __future__ import annotations

from gasfield.diagnostics.context import NotApplicable
from gasfield.diagnostics.group import Group
from gasfield.tracing import Trace


def trace_of(group: Group) -> Trace:
    """The trace of which the group is a text.

    Raises:
        NotApplicable: if the group is none.
    """
    trace = group.origin.trace
    if trace is None:
        raise NotApplicable("it is no trace of a transformer")
    if group.name not in trace.texts:
        raise NotApplicable("it is no single text of the trace")
    return trace

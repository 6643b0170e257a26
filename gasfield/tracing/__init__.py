"""Traces: the recorded inference of texts, a trajectory with the layers of a transformer as time."""

from gasfield.tracing.trace import Trace, open_trace

__all__ = ["Trace", "open_trace"]

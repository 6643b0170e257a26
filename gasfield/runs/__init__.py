"""Runs: from a scenario to a run directory, and on with one that was killed."""

from gasfield.runs.results import Pictures, RunResult
from gasfield.runs.run import resume, run
from gasfield.runs.simulate import simulate

__all__ = ["Pictures", "RunResult", "resume", "run", "simulate"]

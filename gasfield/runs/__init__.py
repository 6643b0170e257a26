"""Runs: from a scenario to a run directory, and on with one that was killed."""

from gasfield.runs.results import RunResult
from gasfield.runs.run import resume, run
from gasfield.runs.simulate import simulate

__all__ = ["RunResult", "resume", "run", "simulate"]

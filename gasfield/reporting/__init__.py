"""The report: runs and trajectories in one HTML page that needs nothing else."""

from gasfield.reporting.reporting import report

__all__ = ["report"]

"""Processors of logits, as the servers of language models define them; one file each."""

from gasfield.sampling.processors.base import CONVENTIONS, PROCESSORS, Conventions, Processor, Truncation
from gasfield.sampling.processors.history import History

__all__ = ["CONVENTIONS", "PROCESSORS", "Conventions", "History", "Processor", "Truncation"]

"""Audits of series of checkpoints: duplicates, misplaced and foreign frames, permuted rows, and what else is wrong."""

from gasfield.auditing.audit import Audit
from gasfield.auditing.auditor import Auditor
from gasfield.auditing.finding import KINDS, Finding

__all__ = ["KINDS", "Audit", "Auditor", "Finding"]

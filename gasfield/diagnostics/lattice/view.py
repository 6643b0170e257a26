"""Diagnostics of positions on a lattice, as they are or as they would be published in a lower precision."""

from __future__ import annotations

from typing import Generic

from gasfield.diagnostics.base import Diagnostic, R_co
from gasfield.diagnostics.group import Group
from gasfield.kernels.lattices import Precision


class LatticeDiagnostic(Diagnostic[R_co], Generic[R_co]):
    """A diagnostic that can look at positions rounded to another precision."""

    view: Precision | None = None
    """Precision to which positions are rounded first, as when float32 weights are published in bfloat16; as they are if
    left out."""

    def why_not(self, group: Group) -> str | None:
        """Why this diagnostic does not apply to a group; None if it does."""
        if group.origin.layered:
            return "a layer is no update: nothing is rounded to a lattice, and nothing freezes"
        return super().why_not(self._seen(group))

    def result(self, group: Group) -> R_co:
        """The results for a group to which it applies."""
        return super().result(self._seen(group))

    def _seen(self, group: Group) -> Group:
        return group if self.view is None else group.viewed(self.view)

"""The field of each update, from the hooks of the output layer: what is taken before it, at it, and after it.

The form of the field, exp(w . h), is checked once: the rows that are compared must agree on the strength of each
position, and logits must be products.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import NoReturn

import torch
from torch import Tensor, nn

from gasfield.errors import InputError
from gasfield.recording.async_copy import AsyncCopy
from gasfield.recording.cadence import Cadence
from gasfield.recording.capture import OutputLayer, Positions
from gasfield.recording.field import FieldAtStep, field_at, reception
from gasfield.recording.incomplete import RecordingWarning
from gasfield.recording.live import LiveRows
from gasfield.recording.matrices import Matrices
from gasfield.recording.ranks import gather, world_size
from gasfield.trajectory import schema

Gradient = Callable[[str, Tensor], Tensor]
"""The gradient of some rows as the optimiser received it: by their name, and their ids."""

_DISAGREEMENT = 1e-3
"""Disagreement of probes allowed for rounding, or half the eps of their dtype if that is more; a soft cap, a
temperature of 1.05 or label smoothing exceeds it."""
_LOGIT_ERROR = 4.0
"""Deviation of a logit from w . h allowed for rounding, in units of rounding."""


class FieldWatch:
    """Watches the output layer of a model, and computes the field of the steps that have one."""

    def __init__(
        self,
        model: nn.Module,
        matrices: Matrices,
        cadence: Cadence,
        probes: Tensor,
        rows: Tensor,
        about: Tensor,
        *,
        approximate: bool,
    ) -> None:
        """Nothing is watched before `listen`.

        Args:
            model: that is trained.
            matrices: of it; the field moves rows of the output matrix.
            cadence: which steps have a field, and of which form.
            probes: (K,) ids of the rows that determine the strength of each position.
            rows: (n,) ids of the rows whose gradients go with the exact field.
            about: (m,) ids of those about whose centroid the field is expanded.
            approximate: whether a field of another form is recorded all the same.
        """
        self._layer, self._matrices, self._cadence = OutputLayer(model, matrices, probes), matrices, cadence
        self._weight, self._rows, self._about = matrices.output, rows, about
        self._approximate, self._lawful = approximate, False
        self._keeps = cadence.field != "none"
        self._live: LiveRows | None = None
        self._in_parts = False

    @property
    def follows(self) -> bool:
        """Whether live rows can be followed: there is a field, in a single process."""
        return self._keeps and world_size() == 1

    def follow(self, model: nn.Module, ids: Tensor, *, in_parts: bool) -> None:
        """Counts how often live rows occur.

        Args:
            model: that is trained.
            ids: (n,) of the rows.
            in_parts: whether their gradients are kept, in parts.
        """
        self._live = self._layer.live = LiveRows(model, self._weight, ids)
        self._in_parts = in_parts

    def listen(self) -> None:
        """Registers the hooks."""
        if self._keeps:
            self._layer.listen()
            if self._live is not None:
                self._live.listen()

    def release(self) -> None:
        """Removes them; there is no field from now on."""
        self._layer.release()
        if self._live is not None:
            self._live.release()
        self._keeps = False

    @property
    def is_shared(self) -> bool:
        """Whether other processes hold part of the positions."""
        return self._keeps and world_size() > 1

    @property
    def autocast(self) -> str:
        """The precision in which autocast computed the logits."""
        return self._layer.autocast

    def arm(self, step: int) -> dict[str, Tensor]:
        """Prepares a step: the reference point of its field must be taken before the update.

        Returns:
            The rows whose gradients are needed at the update, by name.
        """
        layer, weight = self._layer, self._weight.detach()
        layer.armed = self._keeps and self._cadence.has_field(step)
        layer.partition = layer.armed and self._cadence.is_full(step)
        layer.calls = 0
        if layer.armed:
            self._centroid = weight.index_select(0, self._about).float().mean(dim=0)
            self._probed = weight.index_select(0, layer.probes)
        if layer.partition:
            self._stood = weight.index_select(0, self._rows)
        wanted = {"probes": layer.probes} if layer.armed else {}
        wanted |= {"rows": self._rows} if layer.partition else {}
        if self._live is not None:
            self._live.armed = layer.armed
            wanted |= {"live": self._live.ids} if layer.armed and self._in_parts else {}
        return wanted

    def take(
        self, step: int, gradient: Gradient, ratio: Tensor | None
    ) -> tuple[FieldAtStep | None, dict[str, AsyncCopy]]:
        """The field of the positions of a step, scaled as the optimiser received it, and the parts of live gradients.

        Args:
            step: that the model has just made.
            gradient: what the optimiser received.
            ratio: of that to the gradient of the loss, as far as it was measured.

        Raises:
            InputError: at the first step, if the field cannot be recorded.
        """
        if not (self._keeps and self._cadence.has_field(step)):
            return None, {}
        calls, positions = self._layer.calls, self._layer.take()
        if positions is None:
            if self._live is not None:
                self._live.take()  # what the input side has left belongs to no recorded field
            self._explain_silence(step, calls)
            return None, {}
        if not self._lawful:
            self._check_form(positions)
        if self.is_shared:
            positions = gather(positions)
        factor, error = reception(positions, self._probed, gradient("probes", self._layer.probes), ratio)
        exact = (gradient("rows", self._rows), self._stood) if self._cadence.is_full(step) else None
        parts = {} if self._live is None else self._parts(self._live, gradient, factor)
        return field_at(positions, factor, error, self._centroid, exact), parts

    def _parts(self, live: LiveRows, gradient: Gradient, factor: Tensor) -> dict[str, AsyncCopy]:
        """How often live rows occurred; the parts of their gradients as the optimiser received them, and the errors of
        their sum, if they are kept."""
        parts = live.take()
        found = {name: AsyncCopy(getattr(parts, name)) for name in schema.COUNTS}
        if not self._in_parts:
            return found
        parts = parts.received(factor)
        found |= {name: AsyncCopy(getattr(parts, name)) for name in schema.PARTS}
        return found | {name: AsyncCopy(each) for name, each in parts.errors(gradient("live", live.ids)).items()}

    def _check_form(self, positions: Positions) -> None:
        """Checks once that the field of this model has the form exp(w . h)."""
        if not bool(((positions.strength != 0) & torch.isfinite(positions.strength)).any()):
            return  # a loss scaler will skip this step; the next one tells
        self._lawful = True
        limit = max(_DISAGREEMENT, positions.eps / 2)
        disagreement, product = float(positions.disagreement), float(positions.logit_error)
        if self._approximate or (disagreement <= limit and product <= _LOGIT_ERROR):
            return
        what = f"rows disagree by {disagreement:.2g} on the strength of a position (rounding allows {limit:.2g})"
        if product > _LOGIT_ERROR:
            what = f"the logits are not w . h (they deviate by {product:.3g} units of rounding)"
        self._refuse(
            f"the field of this model is not of the form exp(w . h): {what}. Biases, soft caps, temperatures and label "
            "smoothing have this effect. Set approximate=True (which marks the file), or field='none'."
        )

    def _explain_silence(self, step: int, calls: int) -> None:
        if self._lawful:
            text = f"gasfield: step {step}: the output layer was not used; the step has no field."
            warnings.warn(text, RecordingWarning, stacklevel=4)
            return
        name = self._matrices.output_name.removesuffix(".weight")
        if calls:
            reason = f"no gradient reached {name}; call recorder.step() after backward()"
        elif self._matrices.layer is None:
            reason = f"no product with {name} was found in the model's forward(); name the output layer (output='name')"
        else:
            reason = (
                f"{name} was never called (a fused loss that does not compute logits? A model that torch.compile "
                "compiled before the recorder was made? Make it before the first call, or call torch.compiler.reset())"
            )
        self._refuse(f"the field cannot be recorded: {reason}, or set field='none'.")

    def _refuse(self, text: str) -> NoReturn:
        self.release()
        raise InputError(f"recorder.step(): {text}")

"""Laws of motion whose constants change over the steps, by schedules or as in a recorded training."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, PrivateAttr

from gasfield.dynamics.base import DynamicsSpec
from gasfield.dynamics.constants import RECORDED
from gasfield.dynamics.training_law import TrainingLaw, not_modelled, read_training_law
from gasfield.errors import InputError
from gasfield.schedules import Schedule, fixed_at, schedules_in


def _rate_or_recording(schema: dict[str, Any]) -> None:
    """The JSON Schema: what is required of an optimiser is not where it takes the law of a recording."""
    if required := schema.pop("required", None):
        schema["anyOf"] = [{"required": required}, {"required": ["from"]}]


class LawOverSteps(DynamicsSpec):
    """A law whose constants are numbers, schedules, or `recorded`: those of a recorded training at each update.

    `from: recording` makes every constant and precision `recorded` that is not given, and begins with the recorded
    moments. Such a specification is `resolved` with the recording before anything is built from it; `at(step)` is the
    law of one update in plain numbers.
    """

    recorded_as: ClassVar[tuple[str, ...]] = ()
    """Names in recordings of optimisers with this law."""
    recordable: ClassVar[tuple[str, ...]] = ("weight_dtype",)
    """Keys that `from: recording` fills in."""

    if TYPE_CHECKING:  # a field of every optimiser
        learning_rate: float

    model_config = ConfigDict(json_schema_extra=_rate_or_recording)

    recorded_from: Annotated[str | None, Field(alias="from")] = None
    """The recording whose law is replayed: `recording` for the one that the field or the gas comes from, or a file."""
    initial_moments: Literal["zero", "recorded"] | None = None
    """The moments at the start; `recorded` if left out under `from`, and `zero` otherwise."""

    _training: TrainingLaw | None = PrivateAttr(default=None)

    @classmethod
    def with_present_keys(cls, data: dict[str, Any]) -> dict[str, Any]:
        """As for every specification; `from` stands for `recorded` wherever nothing else is given."""
        data = super().with_present_keys(data)
        if data.get("from") is None and data.get("recorded_from") is None:
            return data
        return {**dict.fromkeys(cls.recordable, RECORDED), **data}

    @property
    @abstractmethod
    def moment_dtypes(self) -> Mapping[str, str]:
        """The precision in which each moment that is used is kept, by name."""

    @property
    def going_on(self) -> Self:
        """The moments are restored, and not those of the recording at a step that it may not have."""
        return self.model_copy(update={"initial_moments": "zero"}) if self.starts_as_recorded else self

    # --- constants of a step -----------------------------------------------------------------------------------------

    def resolved(self, recordings: Sequence[str], find: Callable[[str], Path]) -> Self:
        takes = self.recorded_from is not None or self.starts_as_recorded or bool(self._recorded_names)
        if self._training is not None or not takes:
            return self
        named = [self.recorded_from] if self.recorded_from not in (None, "recording") else [*recordings]
        if not named:
            text = "neither the field nor the gas comes from a recording; name the file (from: FILE)."
            raise InputError(text, parameter="from")
        training = read_training_law(str(named[0]), find)
        if self.recorded_from is not None:
            self._require_same_law(training)
        resolved = self.model_copy()
        resolved._training = training
        if (reason := resolved.departs_from(training)) is not None:
            raise InputError(f"{training.path}: {reason}", parameter="from")
        resolved._validate(resolved.strongest)  # a warm-up begins at 0, where no rate is allowed that stays so
        return resolved

    def departs_from(self, training: TrainingLaw) -> str | None:
        """Why the recorded training, with which it is resolved, did not follow this law; None if it did."""
        return None

    def at(self, step: int) -> Self:
        """The law of the update at a step, in plain numbers.

        Raises:
            InputError: if it is recorded, and not at this step.
        """
        fixed: Self = fixed_at(self, step)
        if not (names := self._recorded_names):
            return fixed
        if self._training is None:
            text = "the law is that of a recording, which is not known here; give the constants as numbers."
            raise InputError(text, parameter=names[0])
        return fixed.model_copy(update=self._recorded(self._training, step))

    @property
    def fixed(self) -> Self:
        """The law of the first update; what does not change is the same at all others."""
        return self.at(self._training.first_update if self._training is not None else 0)

    @property
    def varies(self) -> bool:
        """Whether a constant changes over the steps, or steps are skipped."""
        return any(schedules_in(self)) or (self._training is not None and self._training.varies)

    def changes(self, name: str) -> bool:
        """Whether a constant changes over the steps."""
        value = getattr(self, name)
        recorded = value == RECORDED and self._training is not None
        return any(schedules_in(value)) or (recorded and self._training is not None and self._training.changes(name))

    @property
    def strongest(self) -> Self:
        """The law of the update with the greatest learning rate."""
        rate: Any = self.learning_rate
        if isinstance(rate, Schedule):
            return self.at(max(rate.corners, key=rate.at))
        return self.fixed if self._training is None else self.at(self._training.strongest("learning_rate"))

    @property
    def starts_as_recorded(self) -> bool:
        """Whether the moments at the start are those of the recording."""
        return (self.initial_moments or ("recorded" if self.recorded_from else "zero")) == "recorded"

    @property
    def training(self) -> TrainingLaw | None:
        """The law of the recording that it was resolved with."""
        return self._training

    @property
    def _recorded_names(self) -> list[str]:
        names = (name for name in type(self).model_fields if name not in ("recorded_from", "initial_moments"))
        return [name for name in names if getattr(self, name) == RECORDED]

    def _recorded(self, training: TrainingLaw, step: int) -> dict[str, Any]:
        """The fields that are `recorded`, at a step."""
        found: dict[str, Any] = {}
        for name in self._recorded_names:
            if name == "weight_dtype":
                found[name] = training.weight_dtype
            elif name == "moment_dtype":
                found |= self._recorded_dtypes(training)
            elif name == "betas":
                found[name] = training.betas(step)
            elif name == "decoupled_weight_decay":  # which `torch.optim.Adam` has not unless it says so
                found[name] = bool(training.options.get(name, training.optimiser != "adam"))
            elif name == "weight_rounding":
                found[name] = "master" if training.has_master else "nearest"
            elif name == "implementation":
                found[name] = training.implementation
            elif isinstance(default := type(self).model_fields[name].default, bool):
                found[name] = bool(training.options.get(name, default))
            else:
                found[name] = training.number(name, step)
        return found

    def _recorded_dtypes(self, training: TrainingLaw) -> dict[str, Any]:
        """`moment_dtype`, and that of each moment that has one of its own."""
        kept = {name: training.moment_dtypes.get(name, training.weight_dtype) for name in self.moment_dtypes}
        own = {f"{name}_dtype": dtype for name, dtype in kept.items() if f"{name}_dtype" in type(self).model_fields}
        given = {name for name in own if getattr(self, name) is not None}
        return {"moment_dtype": next(iter(kept.values()), "float32")} | {
            name: dtype for name, dtype in own.items() if name not in given
        }

    def _require_same_law(self, training: TrainingLaw) -> None:
        if training.optimiser not in self.recorded_as:
            raise InputError(
                f"{training.path}: the training used {training.optimiser}, whose law is not {self.kind}; give the "
                "constants as numbers to move its rows by another law.",
                parameter="from",
            )
        lacking = [*not_modelled(training.options, {*self.recordable, *self.model_fields_set})]
        can_couple = "decoupled_weight_decay" in type(self).model_fields
        if training.optimiser == "adam" and training.options.get("weight_decay") and not can_couple:
            lacking += [] if training.options.get("decoupled_weight_decay") else ["coupled weight decay"]
        if lacking:
            text = f"{training.path}: the training used {', '.join(lacking)}, which {self.kind} does not model."
            raise InputError(text, parameter="from")

    def _validate(self, law: Self) -> None:
        """Refuses recorded values that the law does not allow."""
        values = {name: getattr(law, name) for name in type(law).model_fields}
        type(self)(**{name: value for name, value in values.items() if name != "recorded_from" and value is not None})

"""Every force by its `kind`, and how a scenario's mapping becomes the specification of one.

The registry is open: a plug-in adds its own forces to it, and scenarios that are read afterwards know them.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import PlainValidator, SerializeAsAny
from pydantic_core import PydanticCustomError

from gasfield.forces.attention import Attention
from gasfield.forces.base import ForceLaw
from gasfield.forces.circulation import Circulation
from gasfield.forces.constant import Constant
from gasfield.forces.directed_attention import DirectedAttention
from gasfield.forces.double_well import DoubleWell
from gasfield.forces.emission_receptivity import EmissionReceptivity
from gasfield.forces.harmonic import Harmonic
from gasfield.forces.hopfield import Hopfield
from gasfield.forces.mueller_brown import MuellerBrown
from gasfield.forces.recorded_gradient import RecordedGradient
from gasfield.forces.soft_repulsion import SoftRepulsion

FORCES: dict[str, type[ForceLaw]] = {}


def register(*laws: type[ForceLaw]) -> None:
    """Makes forces known to scenarios under the default of their field `kind`.

    Raises:
        ValueError: if a specification names no kind, or a kind is taken.
    """
    for law in laws:
        field = law.model_fields.get("kind")
        kind = field.default if field else None
        if not isinstance(kind, str):
            raise ValueError(f'{law.__name__} needs a field like  kind: Literal["name"] = "name"')
        if kind in FORCES:
            raise ValueError(f"there is a force of kind '{kind}' already: {FORCES[kind].__name__}")
        FORCES[kind] = law


register(
    Harmonic,
    DoubleWell,
    MuellerBrown,
    Constant,
    Circulation,
    SoftRepulsion,
    RecordedGradient,
    Attention,
    Hopfield,
    EmissionReceptivity,
    DirectedAttention,
)


def _by_kind(data: Any) -> ForceLaw:
    """The specification that a mapping's `kind` names, validated by it; faults are those of a tagged union."""
    if isinstance(data, ForceLaw):
        return data
    if not isinstance(data, dict):
        raise PydanticCustomError("dict_type", "Input should be a mapping with the key 'kind'")
    if "kind" not in data:
        raise PydanticCustomError("union_tag_not_found", "the key 'kind' is missing")
    law = FORCES.get(data["kind"]) if isinstance(data["kind"], str) else None
    if law is None:
        known = ", ".join(f"'{kind}'" for kind in FORCES)
        raise PydanticCustomError(
            "union_tag_invalid",
            "there is no force of kind '{tag}'; there are {expected_tags}",
            {"tag": data["kind"], "expected_tags": known},
        )
    return law.model_validate(data)


ForceSpec = Annotated[SerializeAsAny[ForceLaw], PlainValidator(_by_kind)]
"""The specification of any registered force, told apart by `kind`."""

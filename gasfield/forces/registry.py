"""Every force by its `kind`, and how a scenario's mapping becomes the specification of one.

The registry is open: a plug-in adds its own forces to it, and scenarios that are read afterwards know them.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import PlainValidator, SerializeAsAny
from pydantic_core import PydanticCustomError

from gasfield.forces.attention.attention import Attention
from gasfield.forces.attention.directed_attention import DirectedAttention
from gasfield.forces.attention.emission_receptivity import EmissionReceptivity
from gasfield.forces.attention.hopfield import Hopfield
from gasfield.forces.base import ForceLaw
from gasfield.forces.fields.circulation import Circulation
from gasfield.forces.fields.cliff import Cliff
from gasfield.forces.fields.constant import Constant
from gasfield.forces.fields.convection import Convection
from gasfield.forces.fields.double_well import DoubleWell
from gasfield.forces.fields.experts import Experts
from gasfield.forces.fields.expression import Expression
from gasfield.forces.fields.gaussian_wells import GaussianWells
from gasfield.forces.fields.harmonic import Harmonic
from gasfield.forces.fields.hierarchy import Hierarchy
from gasfield.forces.fields.landscape import Landscape
from gasfield.forces.fields.linear_flow import LinearFlow
from gasfield.forces.fields.lorentz import Lorentz
from gasfield.forces.fields.mueller_brown import MuellerBrown
from gasfield.forces.fields.orbiting_wells import OrbitingWells
from gasfield.forces.fields.recorded_gradient import RecordedGradient
from gasfield.forces.fields.ridge import Ridge
from gasfield.forces.pairs.coulomb import Coulomb
from gasfield.forces.pairs.dispersion import Dispersion
from gasfield.forces.pairs.gravity import Gravity
from gasfield.forces.pairs.inverse_power import InversePower
from gasfield.forces.pairs.lennard_jones import LennardJones
from gasfield.forces.pairs.pair_expression import PairExpression
from gasfield.forces.pairs.soft_repulsion import SoftRepulsion
from gasfield.forces.pairs.yukawa import Yukawa
from gasfield.plugins import import_installed

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
    InversePower,
    LennardJones,
    Gravity,
    Dispersion,
    Coulomb,
    Yukawa,
    Lorentz,
    RecordedGradient,
    LinearFlow,
    GaussianWells,
    Ridge,
    Cliff,
    Convection,
    OrbitingWells,
    Landscape,
    Experts,
    Hierarchy,
    Attention,
    Hopfield,
    Expression,
    PairExpression,
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
    kind = data["kind"]
    if isinstance(kind, str) and kind not in FORCES:
        import_installed()
    law = FORCES.get(kind) if isinstance(kind, str) else None
    if law is None:
        known = ", ".join(f"'{kind}'" for kind in FORCES)
        raise PydanticCustomError(
            "union_tag_invalid",
            "there is no force of kind '{tag}'; there are {expected_tags}",
            {"tag": str(kind), "expected_tags": known, "hint": _hint(str(kind))},
        )
    return law.model_validate(data)


def _hint(kind: str) -> str:
    close = get_close_matches(kind, list(FORCES), 1)
    meant = f" Did you mean '{close[0]}'?" if close else ""
    return f"{meant} A plug-in can bring one of your own."


ForceSpec = Annotated[SerializeAsAny[ForceLaw], PlainValidator(_by_kind)]
"""The specification of any registered force, told apart by `kind`."""

"""Every model that is registered keeps the contract."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flows import recorded_flow

from gasfield.learning.model import MODELS
from gasfield.testing import check_model
from gasfield.trajectory import Trajectory

PARAMETERS: dict[str, dict[str, Any]] = {
    "attention": {"rank": 1, "starts": 1},
    "density": {"components": 2},
    "emission_receptivity": {"starts": 1},
    "general": {"count": 20},
    "potential": {"count": 20},
}
"""Of models that need some, or that are quicker with some."""


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trajectory]:
    """Twenty particles in an affine flow."""
    with Trajectory(recorded_flow(tmp_path_factory.mktemp("flow") / "t.h5")) as opened:
        yield opened


@pytest.mark.parametrize("kind", MODELS)
def test_every_model_keeps_the_contract(kind: str, flow: Trajectory) -> None:
    check_model({"kind": kind} | PARAMETERS.get(kind, {}), [flow] if MODELS[kind].needs_data else [])

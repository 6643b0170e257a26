"""Heating and cooling part ways where a transition jumps, and nowhere else: unnormalised and softmax attention."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gasfield
from gasfield.diagnostics.fields.noisy_attention_law import critical_temperature

pytestmark = pytest.mark.validate
ORDER, ALONG = "groups.gas.order.mean", "temperature.to"


def test_heated_and_cooled_tokens_part_where_order_sets_in_with_a_jump(tmp_path: Path) -> None:
    """Disorder is stable above T_c, order up to 2.27 T_c (of infinitely many tokens; `noisy_attention_law`): both at
    1.5 and 1.9 T_c, one of them at 0.75 and 2.6 T_c."""
    critical = critical_temperature(4.0, "unnormalised", 8)
    heated = {"temperature.from": [0.1, 0.9], ALONG: [share * critical for share in (0.75, 1.5, 1.9, 2.6)], "seeds": 4}
    (found,) = gasfield.sweep("attention-hysteresis", heated, output=tmp_path / "jump").transitions(ORDER, ALONG)
    assert found.place is not None, found.reason
    ends = [found.details[name].value for name in ("lowest", "highest")]
    assert ends == pytest.approx([1.5 * critical, 1.9 * critical])
    assert np.diff([0.75 * critical, found.place.value, 2.6 * critical]).min() > 0.0
    assert found.details["gap"].value > 0.5


def test_heated_and_cooled_tokens_agree_where_order_sets_in_continuously(tmp_path: Path) -> None:
    """Negative control: softmax attention at the same beta."""
    critical = critical_temperature(4.0, "softmax", 8)
    heated = {
        "temperature.from": [0.02, 0.4], ALONG: [share * critical for share in (0.5, 1.5, 1.9, 2.6)],
        "forces.0.form": ["softmax"], "dynamics.time_step": [0.05], "seeds": 4,
    }  # fmt: skip
    (found,) = gasfield.sweep("attention-hysteresis", heated, output=tmp_path / "none").transitions(ORDER, ALONG)
    assert found.place is None
    assert "agree everywhere" in found.reason

"""The recordings that ship: what they must hold, and how large they may be."""

from __future__ import annotations

import lzma

import numpy as np
from paths import RECORDING_NAMES, RECORDINGS

from gasfield.trajectory import Trajectory


def test_together_at_most_45_megabytes() -> None:
    assert sum((RECORDINGS / f"{name}.h5").stat().st_size for name in RECORDING_NAMES) <= 45e6


def test_groups_steps_and_fields(shipped: Trajectory) -> None:
    assert len(shipped.members("lattice")) == 64
    assert len(shipped.members("dead")) >= 64
    assert len(shipped.members("live")) >= 32
    assert shipped.steps[0] == 0
    assert shipped.steps[-1] == 500
    assert len(shipped.bonds["lattice"]) == 3 * 3 * 4 * 4
    if shipped.precision == "bfloat16":
        np.testing.assert_array_equal(shipped.steps, np.arange(501))
    np.testing.assert_array_equal(shipped.affine_field().steps, np.arange(500))
    assert len(shipped.full_field().steps) == 20
    survey = shipped.survey()
    assert len(survey.steps) == 12
    assert survey.values.shape[1] == shipped.attributes["dead_rows"] - 64
    assert len(shipped.observable("loss").steps) == 500


def test_provenance_names_the_corpus_that_ships(shipped: Trajectory) -> None:
    import hashlib

    text = lzma.decompress((RECORDINGS.parent / "texts" / "kjv.txt.xz").read_bytes())
    assert shipped.attributes["corpus_sha256"] == hashlib.sha256(text).hexdigest()
    assert shipped.attributes["learning_rate"] == 1e-3
    assert shipped.attributes["torch"].startswith("2.13")
    assert any(shipped.tokens[i].strip() for i in shipped.members("dead"))


def test_bfloat16_recordings_hold_lattice_values(shipped: Trajectory) -> None:
    low_bits = shipped.positions().view(np.uint32) & 0xFFFF
    assert bool(low_bits.any()) == (shipped.precision == "float32")


def test_survey_agrees_with_the_observed_centroid(shipped: Trajectory) -> None:
    survey, centroid = shipped.survey(), shipped.observable("dead/centroid")
    for step, rows in zip(survey.steps, survey.values, strict=True):
        seen = rows.astype(np.float64).mean(axis=0)
        # the centroid is kept in float32; the float32 survey in 10 mantissa bits (relative 2^-11 a coordinate)
        np.testing.assert_allclose(seen, centroid.values[centroid.steps == step][0], atol=2e-5)

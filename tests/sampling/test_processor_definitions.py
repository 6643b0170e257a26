"""Processors against vectors computed by hand from their definitions, in the order of each server."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gasfield.errors import InputError
from gasfield.sampling.chain import Chain
from gasfield.sampling.processors import PROCESSORS, History
from gasfield.sampling.processors.dry import Dry
from gasfield.testing import check_processor

HALVES = np.log([0.5, 0.25, 0.125, 0.125])
CASES = [
    {"kind": "temperature", "temperature": 0.7},
    {"kind": "temperature", "temperature": 0.0},
    {"kind": "temperature", "temperature": 1.0},
    {"kind": "top-k", "top_k": 3},
    {"kind": "top-p", "top_p": 0.7},
    {"kind": "min-p", "min_p": 0.1},
    {"kind": "typical", "typical_p": 0.5},
    {"kind": "top-n-sigma", "top_n_sigma": 1.0},
    {"kind": "top-h", "top_h": 0.5},
    {"kind": "epsilon", "epsilon_cutoff": 0.05},
    {"kind": "eta", "eta_cutoff": 0.05},
    {"kind": "repetition", "repetition_penalty": 1.2},
    {"kind": "frequency", "frequency_penalty": 0.4},
    {"kind": "presence", "presence_penalty": 0.4},
    {"kind": "dry", "dry_multiplier": 0.8, "dry_allowed_length": 1},
    {"kind": "xtc", "xtc_probability": 0.3},
    {"kind": "mirostat", "mirostat": 1, "mirostat_tau": 1.0},
    {"kind": "mirostat", "mirostat": 2, "mirostat_tau": 1.0},
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_contract_of_processors(case: dict[str, object]) -> None:
    check_processor(case)


def test_every_processor_has_a_case() -> None:
    assert {case["kind"] for case in CASES} >= set(PROCESSORS)


def kept(profile: str, logits: object, history: History | None = None, **settings: object) -> set[int]:
    """Ids that a chain leaves."""
    return set(np.flatnonzero(np.isfinite(Chain.of(profile, **settings).apply(np.asarray(logits), history))).tolist())


@pytest.mark.parametrize(("profile", "left"), [("transformers", {0}), ("vllm", {0}), ("llama.cpp", {0, 1})])
def test_temperature_before_or_after_top_p(profile: str, left: set[int]) -> None:
    assert kept(profile, [3.0, 2.0, 1.0], temperature=0.5, top_p=0.8) == left


def test_zero_temperature_shares_ties_equally() -> None:
    np.testing.assert_array_equal(Chain.of(temperature=0.0).law([2.0, 2.0, 1.0]), [0.5, 0.5, 0.0])
    assert kept("vllm", [2.0, 1.9999, 1.0], temperature=9e-6) == {0}  # vLLM takes T < 1e-5 as greedy
    assert kept("transformers", [2.0, 1.9999, 1.0], temperature=9e-6) == {0, 1, 2}


@pytest.mark.parametrize(("profile", "left"), [("transformers", {0, 1, 2}), ("vllm", {0, 1, 2}), ("llama.cpp", {0, 1})])
def test_ties_with_the_kth_logit(profile: str, left: set[int]) -> None:
    assert kept(profile, [1.0, 1.0, 1.0, 0.0], top_k=2) == left


@pytest.mark.parametrize(("profile", "left"), [("transformers", {1}), ("vllm", {1}), ("llama.cpp", {0})])
def test_top_p_of_two_equal_tokens(profile: str, left: set[int]) -> None:
    assert kept(profile, [0.0, 0.0], top_p=0.5) == left


def test_typical_reaches_or_exceeds_its_mass() -> None:
    """Surprisals 1, 2, 3, 3 bits and S = 1.75: in order of distance 1, 0, then 2 and 3, which tie."""
    assert kept("transformers", HALVES, typical_p=0.25) == {1}
    assert kept("llama.cpp", HALVES, typical_p=0.25) == {0, 1}
    assert kept("transformers", HALVES, typical_p=0.8) == {0, 1, 2, 3}
    assert len(kept("llama.cpp", HALVES, typical_p=0.8)) == 3


def test_min_p_keeps_its_boundary_and_min_keep_overrides_it() -> None:
    assert kept("transformers", HALVES, min_p=0.5) == {0, 1}
    assert kept("transformers", [3.0, 2.0, 1.0], min_p=0.9, min_keep=2) == {0, 1}
    assert kept("llama.cpp", [3.0, 2.0, 1.0], top_p=0.1, min_keep=2) == {0, 1}


def test_top_n_sigma() -> None:
    """Mean 0, variance 14 over four logits; forbidden ones do not count."""
    logits = [4.0, 2.0, 0.0, -6.0, -np.inf]
    assert kept("llama.cpp", logits, top_n_sigma=0.5) == {0}  # from 2.13 on
    assert kept("llama.cpp", logits, top_n_sigma=1.0) == {0, 1}  # from 0.26 on
    assert kept("llama.cpp", logits, top_n_sigma=1.1) == {0, 1, 2}  # from -0.12 on


def test_frequency_and_presence_count_the_prompt_in_llama_cpp_only() -> None:
    history = History(np.array([[0, 0, 0, 2]]), prompt=2)
    ones = [1.0, 1.0, 1.0]
    frequency, presence = {"frequency_penalty": 0.5}, {"presence_penalty": 0.25}
    np.testing.assert_allclose(Chain.of("vllm", **frequency).apply(ones, history), [0.5, 1.0, 0.5])
    np.testing.assert_allclose(Chain.of("llama.cpp", **frequency).apply(ones, history), [-0.5, 1.0, 0.5])
    np.testing.assert_allclose(Chain.of("llama.cpp", penalty_last_n=1, **frequency).apply(ones, history), [1, 1, 0.5])
    prompt = History(np.array([[1, 2]]), prompt=1)
    np.testing.assert_allclose(Chain.of("vllm", **presence).apply(ones, prompt), [1.0, 1.0, 0.75])
    np.testing.assert_allclose(Chain.of("llama.cpp", **presence).apply(ones, prompt), [1.0, 0.75, 0.75])


def test_repetition_penalty_looks_back_64_tokens_in_llama_cpp() -> None:
    history = History.of([0, *[1] * 64])
    logits = [2.0, -2.0, 2.0]
    np.testing.assert_allclose(Chain.of("llama.cpp", repetition_penalty=1.25).apply(logits, history), [2.0, -2.5, 2.0])
    for profile in ("transformers", "vllm"):
        chain = Chain.of(profile, repetition_penalty=1.25)
        np.testing.assert_allclose(chain.apply(logits, history), [1.6, -2.5, 2.0])


def test_dry() -> None:
    """a b c c b c y a b c: c would continue a repetition of 3 tokens, y of 2, b of 1."""
    a, b, c, y = range(4)
    history = History.of([a, b, c, c, b, c, y, a, b, c])
    taken = {"dry_multiplier": 0.8}
    zeros = np.zeros(4)
    np.testing.assert_allclose(Chain.of("llama.cpp", **taken).apply(zeros, history), [0, 0, -0.8 * 1.75, -0.8])
    beyond = Chain.of("llama.cpp", dry_breakers=[a], **taken)  # nothing before the last a counts
    np.testing.assert_allclose(beyond.apply(zeros, history), [0, 0, -0.8, -0.8])
    never = Chain.of("llama.cpp", dry_breakers=[y], **taken)  # and a breaker is free
    np.testing.assert_allclose(never.apply(zeros, history), [0, 0, -0.8 * 1.75, 0])


def test_dry_is_its_definition_on_random_texts() -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        text = rng.integers(3, size=rng.integers(1, 25)).tolist()
        spec = Dry(dry_multiplier=1.0, dry_base=2.0, dry_allowed_length=1)
        expected = np.zeros(3)
        for token in range(3):
            ends = [
                n
                for n in range(1, len(text))
                if any(text[i : i + n + 1] == [*text[-n:], token] for i in range(len(text) - n))
            ]
            expected[token] = -(2.0 ** (max(ends) - 1)) if ends else 0.0
        np.testing.assert_array_equal(Chain((spec,)).apply(np.zeros(3), History.of(text)), expected)


def test_xtc_is_the_mixture_of_acting_or_not() -> None:
    logits = np.log([0.5, 0.3, 0.15, 0.05])
    law = Chain.of("llama.cpp", xtc_probability=0.5, xtc_threshold=0.1).law(logits)
    np.testing.assert_allclose(law, [0.25, 0.15, 0.075 + 0.375, 0.025 + 0.125], atol=1e-15)
    squared = Chain.of("llama.cpp", xtc_probability=1.0, xtc_threshold=0.1, temperature=0.5).law(logits)
    np.testing.assert_allclose(squared, [0, 0, 0.9, 0.1], atol=1e-12)  # temperature comes after it


def test_mirostat_2_moves_its_bound() -> None:
    chain = Chain.of("llama.cpp", mirostat=2, mirostat_tau=1.0)
    start = History.of([0])
    processed = chain.apply(HALVES[None], start)  # surprises 1, 2, 3, 3 bits; the bound is 2
    assert np.isfinite(processed[0]).tolist() == [True, True, False, False]
    after = chain.accept(start, processed, [1])  # surprise log2 3 of a law (2/3, 1/3)
    np.testing.assert_allclose(after.memory["mirostat"], 2.0 - 0.1 * (math.log2(3.0) - 1.0))
    assert np.isfinite(chain.apply(HALVES[None], after)[0]).tolist() == [True, False, False, False]


def test_mirostat_1_estimates_zipfs_exponent() -> None:
    """p ~ 1/i^2 of 4 tokens, a bound of 2 bits: k = (2^2 / (1 - 1/4))^(1/2) = 2.3; of 3 bits, 3.3."""
    zipf = -2.0 * np.log(np.arange(1, 5))
    assert kept("llama.cpp", zipf, mirostat=1, mirostat_tau=1.0) == {0, 1}
    assert kept("llama.cpp", zipf, mirostat=1, mirostat_tau=1.5) == {0, 1, 2}


@pytest.mark.parametrize(
    ("settings", "parameter"),
    [
        ({"temperature": -1.0}, "temperature"),
        ({"top_p": 1.5}, "top_p"),
        ({"top_k": 2.5}, "top_k"),
        ({"repetition_penalty": 0.0}, "repetition_penalty"),
        ({"tmperature": 1.0}, "tmperature"),
        ({"top_n_sigma": 1.0}, "top_n_sigma"),  # not one of transformers
        ({"min_keep": 2}, "min_keep"),  # without effect
        ({"temperature": float("nan")}, "temperature"),
    ],
)
def test_settings_that_make_no_chain(settings: dict[str, object], parameter: str) -> None:
    with pytest.raises(InputError) as caught:
        Chain.of("transformers", **settings)
    assert caught.value.parameter == parameter


def test_mirostat_replaces_the_chain() -> None:
    with pytest.raises(InputError, match="leaves only temperature, mirostat") as caught:
        Chain.of("llama.cpp", mirostat=2, top_k=4)
    assert caught.value.parameter == "top_k"


@pytest.mark.parametrize(
    ("logits", "says"),
    [
        ([0.0, np.nan], "1 of 2 are NaN"),
        ([[0.0, 1.0], [-np.inf, -np.inf]], "in 1 of 2 rows"),
        ([np.inf, 0.0], r"the first is inf at \[0\]"),
        ([[[0.0]]], "shape"),
    ],
)
def test_logits_that_are_none(logits: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        Chain.of(top_k=1).apply(np.asarray(logits))


def test_histories_and_temperatures_that_do_not_fit() -> None:
    with pytest.raises(InputError, match="has tokens from 9 to 9; the logits are those of 2"):
        Chain().apply([0.0, 1.0], History.of([9]))
    with pytest.raises(InputError, match="has 2 rows"):
        Chain().apply([0.0, 1.0], History.of([0], rows=2))
    with pytest.raises(InputError, match="overflow"):
        Chain.of(temperature=1e-310).apply([0.0, 1.0])


def test_a_processor_that_leaves_nothing_is_refused() -> None:
    class Nothing(Dry):
        def apply(self, logits, history, conventions):  # type: ignore[no-untyped-def]
            return np.full_like(logits, -np.inf)

    with pytest.raises(InputError, match="leaves none of 2 tokens in 1 of 1 rows"):
        Chain((Nothing(dry_multiplier=1.0),)).apply([0.0, 1.0])

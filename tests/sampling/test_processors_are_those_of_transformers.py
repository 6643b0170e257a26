"""Every processor that transformers has, on 1,000 random logit vectors: equal to its own, to rounding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_models import write_gpt2

from gasfield.language.open import open_model
from gasfield.sampling.chain import Chain
from gasfield.sampling.processors import History
from gasfield.sampling.texts import draw_texts

VECTORS, STATES = 1_000, 500

CASES = [
    ("TemperatureLogitsWarper", (0.7,), {"temperature": 0.7}),
    ("TemperatureLogitsWarper", (1.3,), {"temperature": 1.3}),
    ("TopKLogitsWarper", (1,), {"top_k": 1}),
    ("TopKLogitsWarper", (40,), {"top_k": 40}),
    ("TopPLogitsWarper", (0.5,), {"top_p": 0.5}),
    ("TopPLogitsWarper", (0.95,), {"top_p": 0.95}),
    ("TopPLogitsWarper", (0.0,), {"top_p": 0.0}),
    ("MinPLogitsWarper", (0.05,), {"min_p": 0.05}),
    ("MinPLogitsWarper", (1.0,), {"min_p": 1.0}),
    ("TypicalLogitsWarper", (0.2,), {"typical_p": 0.2}),
    ("TypicalLogitsWarper", (0.9,), {"typical_p": 0.9}),
    ("EpsilonLogitsWarper", (2.0**-10,), {"epsilon_cutoff": 2.0**-10}),
    ("EtaLogitsWarper", (2.0**-8,), {"eta_cutoff": 2.0**-8}),  # transformers keeps it as a float32
    ("TopHLogitsWarper", (0.4,), {"top_h": 0.4}),
    ("RepetitionPenaltyLogitsProcessor", (1.05,), {"repetition_penalty": 1.05}),
    ("RepetitionPenaltyLogitsProcessor", (1.5,), {"repetition_penalty": 1.5}),
    ("RepetitionPenaltyLogitsProcessor", (0.8,), {"repetition_penalty": 0.8}),
]


@pytest.mark.validate
@pytest.mark.parametrize(("name", "arguments", "settings"), CASES, ids=str)
@pytest.mark.parametrize("forbidden", [0, 150])
def test_equal_to_rounding(name: str, arguments: tuple[float, ...], settings: dict[str, float], forbidden: int) -> None:
    torch = pytest.importorskip("torch")
    processors = pytest.importorskip("transformers.generation.logits_process")
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(VECTORS, STATES)) * rng.uniform(0.3, 6.0, size=(VECTORS, 1))
    logits[:, rng.permutation(STATES)[:forbidden]] = -np.inf
    tokens = rng.integers(STATES, size=(VECTORS, 64))
    ours = Chain.of("transformers", **settings).apply(logits, History.of(tokens))
    make = getattr(processors, name)
    theirs = make(*arguments)(torch.from_numpy(tokens), torch.from_numpy(logits.copy())).numpy()
    np.testing.assert_array_equal(np.isneginf(ours), np.isneginf(theirs))
    np.testing.assert_allclose(ours, theirs, rtol=1e-14)
    single = make(*arguments)(torch.from_numpy(tokens), torch.from_numpy(logits.astype(np.float32))).numpy()
    differ = (np.isneginf(ours) != np.isneginf(single)).sum(axis=-1)
    assert differ.max() <= 1, "float32 moves more than the one token at the threshold"
    assert (differ > 0).mean() < 0.01


@pytest.mark.validate
def test_the_whole_chain_has_its_order() -> None:
    """Against the list of processors that `generate` makes of a configuration."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    settings = {
        "repetition_penalty": 1.1, "temperature": 0.8, "top_k": 60, "top_p": 0.9, "min_p": 0.02, "typical_p": 0.9,
        "epsilon_cutoff": 2.0**-10,
    }  # fmt: skip
    configuration = transformers.GPT2Config(vocab_size=STATES, n_embd=8, n_layer=1, n_head=1, n_positions=8)
    model = transformers.GPT2LMHeadModel(configuration)
    generation = transformers.GenerationConfig(do_sample=True, num_beams=1, **settings)
    theirs = model._get_logits_processor(generation, input_ids_seq_length=64)
    rng = np.random.default_rng(1)
    logits, tokens = rng.normal(scale=3.0, size=(VECTORS, STATES)), rng.integers(STATES, size=(VECTORS, 64))
    wanted = theirs(torch.from_numpy(tokens), torch.from_numpy(logits.copy())).numpy()
    found = Chain.of("transformers", **settings).apply(logits, History.of(tokens))
    np.testing.assert_array_equal(np.isneginf(found), np.isneginf(wanted))
    np.testing.assert_allclose(found, wanted, rtol=1e-14)


@pytest.mark.validate
@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_greedy_texts_are_those_of_generate(tmp_path: Path, penalty: float) -> None:
    """Token by token, with the repetition penalty over prompt and text."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    folder = write_gpt2(tmp_path / "model", architectures=["GPT2LMHeadModel"])
    theirs = transformers.GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32)
    prompt = np.array([[1, 2, 3], [7, 7, 9]])
    wanted = theirs.generate(
        torch.from_numpy(prompt), do_sample=False, repetition_penalty=penalty, max_new_tokens=25, pad_token_id=0
    )
    chain = Chain.of("transformers", temperature=0.0, repetition_penalty=penalty)
    found = draw_texts(open_model(folder), prompt, chain, 25)
    np.testing.assert_array_equal(found.tokens, wanted.numpy()[:, 3:])

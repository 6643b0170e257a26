"""GPT-2 in NumPy: its logits by the definition, growing sequences, and folders that are no such model."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from tiny_models import CONTEXT, VOCABULARY, gpt2_weights, logits_by_definition, write_gpt2

from gasfield.errors import InputError
from gasfield.language.gpt2 import GPT2
from gasfield.language.open import open_model

IDS = np.array([3, 299, 0, 17, 17, 42, 5])


@pytest.fixture(params=["with packages", "without packages"])
def packages(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the packages of the extras, and as if they were not installed."""
    if request.param == "without packages":
        for name in ("torch", "transformers", "tokenizers"):
            monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.parametrize(
    ("activation", "by_layer", "tied"), [("gelu_new", False, True), ("gelu", True, True), ("relu", False, False)]
)
def test_logits_are_those_of_the_definition(tmp_path: Path, activation: str, by_layer: bool, tied: bool) -> None:
    weights = gpt2_weights()
    if not tied:
        weights["lm_head.weight"] = gpt2_weights(seed=9)["wte.weight"]
    write_gpt2(
        tmp_path,
        weights,
        activation_function=activation,
        scale_attn_by_inverse_layer_idx=by_layer,
        tie_word_embeddings=tied,
    )
    found = open_model(tmp_path).logits(IDS)
    exact = logits_by_definition(weights, IDS, activation, by_layer)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-5 * exact.std())
    other = "relu" if activation == "gelu" else "gelu"
    assert np.abs(found - logits_by_definition(weights, IDS, other, by_layer)).max() > 1e-4 * exact.std()


def test_a_sequence_that_grows_and_is_cut_has_the_logits_of_a_whole_one(tmp_path: Path, packages: None) -> None:
    model = open_model(write_gpt2(tmp_path))
    assert isinstance(model, GPT2)
    generator = np.random.default_rng(1)
    ids = generator.integers(0, VOCABULARY, (3, CONTEXT))
    whole = np.array([model.logits(row) for row in ids])
    decoding = model.decode(ids[:, :2])
    for length in range(2, CONTEXT):
        np.testing.assert_allclose(decoding.logits, whole[:, length - 1], atol=2e-5)
        decoding.extend(ids[:, length])
    assert decoding.length == CONTEXT
    with pytest.raises(InputError, match=f"{CONTEXT + 1} tokens are longer than the model's context of {CONTEXT}"):
        decoding.extend(ids[:, 0])
    for length in (CONTEXT, 11, 1):
        decoding.cut(length)
        assert decoding.length == length
        np.testing.assert_allclose(decoding.logits, whole[:, length - 1], atol=2e-5)
    other = (ids[:, 1] + 1) % VOCABULARY
    decoding.extend(other)
    branch = [model.logits(np.array(pair))[-1] for pair in zip(ids[:, 0], other, strict=True)]
    np.testing.assert_allclose(decoding.logits, branch, atol=2e-5)
    assert np.abs(decoding.logits - whole[:, 1]).max() > 0.1


@pytest.mark.parametrize(("numbers", "prefix"), [("BF16", "transformer."), ("F16", ""), ("F32", "")])
def test_weights_of_every_precision_are_read_exactly(tmp_path: Path, numbers: str, prefix: str) -> None:
    found = open_model(write_gpt2(tmp_path / "a", numbers=numbers, prefix=prefix)).logits(IDS)
    np.testing.assert_array_equal(found, open_model(write_gpt2(tmp_path / "b")).logits(IDS))


def test_tokens_that_end_a_text_are_those_of_the_folder(tmp_path: Path) -> None:
    assert open_model(write_gpt2(tmp_path)).end == ()
    assert open_model(write_gpt2(tmp_path, eos_token_id=7)).end == (7,)
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": [3, 4]}')
    assert open_model(tmp_path).end == (3, 4)


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def short(folder: Path) -> None:
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])


def sharded(folder: Path) -> None:
    index = {"weight_map": {"transformer.wte.weight": "model.safetensors", "wpe.weight": "lost.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def configured(**entries: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | entries))

    return change


def weighted(name: str, value: float | None) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        weights = gpt2_weights()
        if value is None:
            del weights[name]
        else:
            weights[name][0] = value
        write_gpt2(folder, weights)

    return change


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), "no config.json in this folder"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json: not JSON"),
        (lambda folder: (folder / "config.json").write_text("[]"), "must be a JSON object"),
        (lambda folder: (folder / "model.safetensors").unlink(), r"no \*.safetensors in this folder"),
        (pickled, r"pytorch_model.bin: this is a pickle; opening it would run any code"),
        (short, "cut short"),
        (sharded, "lost.safetensors: this shard is missing"),
        (configured(n_embd=15), "n_head = 4 must divide n_embd = 15"),
        (configured(n_layer=0), "n_layer must be a positive integer, not 0"),
        (configured(n_layer=3), "12 of 40 tensors of the model are missing, first h.2.ln_1.weight"),
        (configured(vocab_size=301), r"wte.weight has the shape \(300, 16\), its configuration wants \(301, 16\)"),
        (configured(layer_norm_epsilon=-1), "layer_norm_epsilon must be a number >= 0"),
        (configured(tie_word_embeddings=False), "1 of 29 tensors of the model are missing, first lm_head.weight"),
        (weighted("ln_f.bias", None), "first ln_f.bias"),
        (weighted("wte.weight", np.nan), "wte.weight holds 16 numbers that are not finite"),
    ],
)
def test_a_folder_that_is_no_model_is_refused(tmp_path: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(write_gpt2(tmp_path))
    with pytest.raises(InputError, match=message):
        open_model(tmp_path)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([], "the prompt is empty"),
        (range(CONTEXT + 1), "41 tokens are longer than the model's context of 40"),
        ([0, VOCABULARY], "token 300 is outside the model's vocabulary of 300"),
        ([-1], "token -1 is outside"),
    ],
)
def test_prompts_that_the_model_cannot_read_are_refused(tmp_path: Path, ids: Iterable[int], message: str) -> None:
    model = open_model(write_gpt2(tmp_path))
    with pytest.raises(InputError, match=message):
        model.logits(np.array(list(ids), np.int64))
    with pytest.raises(InputError, match=message):
        model.decode(np.array([list(ids)], np.int64))

"""Traces of tiny random models of every family, against transformers and against the definition of attention."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_models import write_gpt2

import gasfield
from gasfield.errors import InputError, Note
from gasfield.gas import Gas
from gasfield.tracing import Trace, open_trace
from gasfield.tracing.tracing import TraceResult, trace
from gasfield.trajectory import TrajectoryWriter

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

VOCABULARY, LAYERS, HEADS, WIDTH = 61, 2, 4, 16
COMMON = {
    "vocab_size": VOCABULARY, "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
    "intermediate_size": 24, "max_position_embeddings": 32, "initializer_range": 0.5, "eos_token_id": None,
    "bos_token_id": None,
}  # fmt: skip
GROUPED = {**COMMON, "num_key_value_heads": 2}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", GROUPED),
    "llama with biases": ("Llama", {**GROUPED, "attention_bias": True, "mlp_bias": True}),
    "mistral, sliding window": ("Mistral", {**GROUPED, "sliding_window": 4}),
    "qwen2": ("Qwen2", GROUPED),
    "qwen3": ("Qwen3", {**GROUPED, "head_dim": 8}),
    "gpt_neox, parallel": ("GPTNeoX", {**COMMON, "use_parallel_residual": True}),
    "gpt_neox, sequential": ("GPTNeoX", {**COMMON, "use_parallel_residual": False}),
    "gpt2": ("GPT2", {"vocab_size": VOCABULARY, "n_embd": WIDTH, "n_layer": LAYERS, "n_head": HEADS, "n_positions": 32,
                      "initializer_range": 0.5, "eos_token_id": None, "bos_token_id": None}),
}  # fmt: skip
FIRST, SECOND = [3, 60, 0, 17, 17, 42, 5, 9, 30, 2, 2], [8, 1, 55, 23]


def saved(folder: Path, kind: str, given: dict[str, Any]) -> Path:
    """A folder with a random model, with biases and weights of normalisations that are neither 0 nor 1."""
    torch.manual_seed(5)
    model = transformers.AutoModelForCausalLM.from_config(getattr(transformers, f"{kind}Config")(**given))
    with torch.no_grad():
        for values in model.parameters():
            if values.ndim == 1:
                values += 0.3 * torch.randn_like(values)
    model.save_pretrained(folder)
    return folder


def opened(folder: Path) -> Any:
    found: Any = transformers.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager")
    return found.eval()


def traced(folder: Path, output: Path, **options: Any) -> TraceResult:
    return trace(folder, output, ids=[FIRST, SECOND], **options)


@pytest.mark.parametrize("name", MODELS)
def test_the_parts_sum_to_the_stream_which_is_that_of_transformers(name: str, tmp_path: Path) -> None:
    folder = saved(tmp_path / "m", *MODELS[name])
    result = traced(folder, tmp_path / "t.h5", weights=True, lens="steps")
    assert result.full
    assert 0.0 < result.sum_error < 1e-6
    with result.open() as found, torch.inference_mode():
        assert found.texts == ("text-1", "text-2")
        assert len(found.steps) == (LAYERS if found.parallel else 2 * LAYERS) + 1
        for text, ids in zip(found.texts, (FIRST, SECOND), strict=True):
            theirs = opened(folder)(
                torch.tensor([ids]), labels=torch.tensor([ids]), output_hidden_states=True, output_attentions=True
            )
            _require_stream(found, text, theirs)
            _require_sums(found, text)
            loss = found.energy(text)[-1].mean()
            assert loss == pytest.approx(float(theirs.loss), rel=1e-5)
            assert result.losses[text] == pytest.approx(loss, rel=1e-6)
            law = torch.distributions.Categorical(logits=theirs.logits[0])
            np.testing.assert_allclose(found.lens_entropy(text)[-1], law.entropy(), rtol=1e-4, atol=1e-5)
            for layer in range(1, LAYERS + 1):
                np.testing.assert_allclose(found.weights(text, layer), theirs.attentions[layer - 1][0], atol=1e-6)


def _require_stream(found: Trace, text: str, theirs: Any) -> None:
    """The states of transformers are those after the embedding and each layer; its last one is normalised."""
    whole = found.stream(text)[found.steps % 2 == 0]
    states = np.stack([state[0].numpy() for state in theirs.hidden_states])
    np.testing.assert_allclose(whole[:-1], states[:-1], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.normalised(text)[-1], states[-1], rtol=1e-4, atol=1e-4)
    lengths = np.linalg.norm(found.normalised(text), axis=2)
    np.testing.assert_allclose(found.normalised_norms(text), lengths, rtol=1e-5)
    np.testing.assert_allclose(found.norms(text), np.linalg.norm(found.stream(text), axis=2), rtol=1e-5)


def _require_sums(found: Trace, text: str) -> None:
    """Heads, their bias and the MLP are what lies between two states; the shares of the work sum to 1."""
    states = {int(step): state for step, state in zip(found.steps, found.stream(text), strict=True)}
    for layer in range(1, found.layers + 1):
        heads, bias, mlp = (part(text, layer) for part in (found.attention, found.attention_bias, found.mlp))
        attention = heads.sum(axis=0) + (0 if bias is None else bias)
        before, after = states[2 * layer - 2], states[2 * layer]
        size = np.linalg.norm(after, axis=-1).max()
        np.testing.assert_allclose(before + attention + mlp, after, atol=1e-6 * size)
        if not found.parallel:
            np.testing.assert_allclose(before + attention, states[2 * layer - 1], atol=1e-6 * size)
        moved = after - before
        parts = [*heads, mlp, *([] if bias is None else [np.broadcast_to(bias, mlp.shape)])]
        assert len(parts) == len(found.parts)
        along = np.stack([np.sum(part * moved, axis=1) / np.sum(moved * moved, axis=1) for part in parts])
        np.testing.assert_allclose(found.work(text, layer), along, atol=1e-5)
        np.testing.assert_allclose(found.work(text, layer).sum(axis=0), 1.0, atol=1e-5)
        outward = before / np.linalg.norm(before, axis=1, keepdims=True)
        np.testing.assert_allclose(
            found.radial(text, layer), [np.sum(part * outward, axis=1) for part in parts], atol=1e-5 * size
        )
        np.testing.assert_allclose(found.size(text, layer), np.linalg.norm(parts, axis=2), rtol=1e-4)


def test_the_write_of_a_head_is_its_weights_times_values_times_output(tmp_path: Path) -> None:
    """Grouped queries: two heads read the values of one."""
    folder = saved(tmp_path / "m", *MODELS["llama"])
    traced(folder, tmp_path / "t.h5", weights=True)
    attention = opened(folder).model.layers[1].self_attn
    values, output = (part.weight.detach().numpy() for part in (attention.v_proj, attention.o_proj))
    with open_trace(tmp_path / "t.h5") as found:
        read, weights, writes = found.normalised("text-1")[2], found.weights("text-1", 2), found.attention("text-1", 2)
    size = WIDTH // HEADS
    for head in range(HEADS):
        group = head // 2
        value = read @ values[group * size : (group + 1) * size].T
        by_definition = weights[head] @ value @ output[:, head * size : (head + 1) * size].T
        np.testing.assert_allclose(writes[head], by_definition, atol=1e-5)
        assert np.array_equal(np.triu(weights[head], 1), np.zeros_like(weights[head]))


def test_a_text_has_the_same_bits_beside_others_and_without_its_parts(tmp_path: Path) -> None:
    folder = saved(tmp_path / "m", *MODELS["qwen2"])
    traced(folder, tmp_path / "both.h5")
    trace(folder, tmp_path / "one.h5", ids=[SECOND], parts="work", lens="none")
    with open_trace(tmp_path / "both.h5") as both, open_trace(tmp_path / "one.h5") as one:
        np.testing.assert_array_equal(both.stream("text-2"), one.stream("text-1"))
        np.testing.assert_array_equal(both.work("text-2", 2), one.work("text-1", 2))
        assert one.attention("text-1", 1) is None
        assert one.mlp("text-1", 1) is None
        assert one.weights("text-1", 1) is None
        assert not one.has_lens
        with pytest.raises(InputError, match="there are layers 1 to 2"):
            one.work("text-1", 3)
        with pytest.raises(InputError, match="no group 'text-9'"):
            one.stream("text-9")


def test_a_trace_is_a_trajectory_with_layers_as_time(tmp_path: Path) -> None:
    folder = write_gpt2(tmp_path / "m", n_layer=2)
    trace(folder, tmp_path / "t.h5", ids=[list(range(12)), "5,6"])
    with gasfield.open(tmp_path / "t.h5") as opened:
        assert opened.names == ["text-1", "text-2"]
        np.testing.assert_array_equal(opened.times, [0, 0.5, 1, 1.5, 2])
        np.testing.assert_array_equal(opened.token_ids[opened.members("text-2")], [5, 6])
        with open_trace(tmp_path / "t.h5") as found:
            np.testing.assert_array_equal(opened.positions(opened.members("text-1")), found.stream("text-1"))
            assert found.tokens("text-2") == ("<5>", "<6>")
    diagnosis = gasfield.diagnose(tmp_path / "t.h5", ["cloud", "pair_dispersion", "freezing"]).as_json()
    found = diagnosis["groups"]["text-1"]
    assert found["centroid"]["path"]["value"] > 0
    assert found["pair_dispersion"]["rate"]["unit"] == "1/layer"
    reasons = {entry["diagnostic"]: entry["reason"] for entry in diagnosis["left_out"]}
    assert "a layer is no update" in reasons["freezing"]


def test_models_that_cannot_be_traced_are_named_with_what_is_missing(tmp_path: Path) -> None:
    opt = saved(tmp_path / "opt", "OPT", {**COMMON, "ffn_dim": 24, "word_embed_proj_dim": WIDTH})
    with pytest.raises(InputError, match=r"OPTForCausalLM \(opt\) cannot be traced: .* of which it lacks"):
        traced(opt, tmp_path / "t.h5")
    gemma = saved(tmp_path / "gemma", "Gemma2", {**GROUPED, "head_dim": 4})
    with pytest.raises(InputError, match=r"GemmaRMSNorm is neither|Gemma2RMSNorm is neither|do not sum to the stream"):
        traced(gemma, tmp_path / "t.h5")
    granite = saved(tmp_path / "granite", "Granite", {**GROUPED, "residual_multiplier": 0.5})
    with pytest.raises(InputError, match=r"layer 1 do not sum to the stream .*GraniteDecoderLayer adds more"):
        traced(granite, tmp_path / "t.h5")
    scaled = saved(tmp_path / "scaled", "Granite", {**GROUPED, "logits_scaling": 3.0})
    with pytest.raises(InputError, match="GraniteForCausalLM does something else in between"):
        traced(scaled, tmp_path / "t.h5")
    assert not list(tmp_path.glob("*.h5"))
    assert not list(tmp_path.glob(".gasfield-*"))


def test_texts_that_do_not_fit_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    folder, output = saved(tmp_path / "m", *MODELS["llama"]), tmp_path / "t.h5"
    for ids, message in (
        ([[1] * 33], "33 tokens are longer than the model's context of 32"),
        ([[]], "a model needs at least one token"),
        ([[VOCABULARY]], "token 61 is outside the model's vocabulary of 61"),
        ([], "needs a prompt"),
    ):
        with pytest.raises(InputError, match=message):
            trace(folder, output, ids=ids)
    with pytest.raises(InputError, match="there is no tokenizer"):
        trace(folder, output, prompt="a text")
    for options, message in (
        ({"parts": "half"}, "parts half: is one of auto, full, work"),
        ({"lens": "all"}, "lens all: is one of layers, steps, none"),
        ({"tokens": 0}, "tokens 0: must be at least 1"),
    ):
        with pytest.raises(InputError, match=message):
            traced(folder, output, **options)
    assert not output.exists()
    output.write_text("kept")
    with pytest.raises(InputError, match="exists already"):
        traced(folder, output)
    assert output.read_text() == "kept"
    trace(folder, tmp_path / "cut.h5", ids=[[1] * 33], tokens=32)
    with open_trace(tmp_path / "cut.h5") as found:
        assert len(found.ids("text-1")) == 32


def test_one_token_has_no_next_one(tmp_path: Path) -> None:
    result = trace(saved(tmp_path / "m", *MODELS["llama"]), tmp_path / "t.h5", ids=["7"])
    assert result.quantities()["loss.text-1"].value is None
    with result.open() as found:
        assert found.energy("text-1").shape == (LAYERS + 1, 0)


def test_half_precision_is_noted(tmp_path: Path) -> None:
    folder = write_gpt2(tmp_path / "m", numbers="BF16")
    with pytest.warns(Note, match=r"its weights \(bfloat16\) are cast to float32"):
        trace(folder, tmp_path / "t.h5", ids=["1,2"])
    whole = write_gpt2(tmp_path / "whole")
    with warnings.catch_warnings():
        warnings.simplefilter("error", Note)
        trace(whole, tmp_path / "w.h5", ids=["1,2"])
    with open_trace(tmp_path / "t.h5") as half, open_trace(tmp_path / "w.h5") as full:
        np.testing.assert_array_equal(half.stream("text-1"), full.stream("text-1"))  # the same numbers in both


def test_attention_that_gives_no_weights_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gasfield.tracing import capture

    folder = saved(tmp_path / "m", *MODELS["llama"])
    monkeypatch.setattr(capture, "_EAGER", "sdpa")
    with pytest.raises(InputError, match="LlamaAttention gives no attention weights"):
        traced(folder, tmp_path / "t.h5", weights=True)
    assert traced(folder, tmp_path / "t.h5").sum_error < 1e-6


def test_files_that_are_no_traces_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no trace"):
        open_trace("recordings/kjv-bf16.h5")
    for claimed, message in (
        ({"layers": 2**31 - 1, "heads": 1, "parallel": 0}, "its frames are not those of 2147483647 layers"),
        ({"layers": "2", "heads": 1, "parallel": 0}, "are no whole numbers"),
    ):
        path = tmp_path / f"{len(str(claimed))}.h5"
        gas = Gas(np.zeros((3, 2), np.float32))
        with TrajectoryWriter(path, gas, precision="float32", provenance={"source": "trace", **claimed}) as writer:
            writer.frame(0, 0.0, gas.positions)
        with pytest.raises(InputError, match=message):
            open_trace(path)

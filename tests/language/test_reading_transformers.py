"""The weights of a model are read whole and right, or refused in one sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
import tiny_transformers as tiny

from gasfield.errors import InputError
from gasfield.forces import FORCES, Surroundings, build_force
from gasfield.gas import Gas
from gasfield.simulation import Simulation
from gasfield.spaces import Free
from gasfield.transformer import read_transformer, share_transformer

IDS = np.array([3, 17, 0, 39, 17])


def written(folder: Path, tiny_model: tiny.Tiny = tiny.LLAMA, prefix: str = "model.", **config: Any) -> Path:
    return tiny_model.write(folder / "model", prefix, **config)


def weights(folder: Path, **changed: Any) -> Path:
    """A Llama with some tensors replaced, or left out where None."""
    kept = {name: w for name, w in (tiny.LLAMA.weights | changed).items() if w is not None}
    return replace(tiny.LLAMA, weights=kept).write(folder / "model", "model.")


def test_sizes_and_shapes(tmp_path: Path) -> None:
    model = read_transformer(written(tmp_path))
    layer = model.layers[1]
    assert (model.family, model.dimensions, model.vocabulary, model.steps, model.context) == ("llama", 6, 40, 4, 24)
    assert (layer.heads, layer.key_heads, layer.head_size, layer.parallel) == (4, 2, 4, False)
    shapes = [part.shape for part in (layer.query, layer.key, layer.value, layer.output)]
    assert shapes == [(4, 4, 6), (2, 4, 6), (2, 4, 6), (4, 6, 4)]
    assert model.unembedding is model.embedding
    neox = read_transformer(tiny.NEOX_FOLDER)
    rotary = neox.layers[0].rotary
    assert neox.layers[0].parallel
    assert rotary is not None
    assert rotary.turned == 2
    assert neox.unembedding is not neox.embedding


def test_a_model_of_the_base_class_has_no_prefix(tmp_path: Path) -> None:
    plain = read_transformer(written(tmp_path, prefix=""))
    assert plain.digest == read_transformer(tiny.LLAMA_FOLDER).digest


NAN = np.full((6, 10), np.nan, np.float32)
REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"model_type": "qwen3"}, {"layers.0.self_attn.q_norm.weight": np.ones(4, np.float32)},
     r"models of type qwen3 are not computed; llama, .*hold self_attn\.q_norm\.weight, which no family"),
    ({}, {"layers.0.self_attn.q_norm.weight": np.ones(4, np.float32)}, r"family has no layers\.0\.self_attn\.q_norm"),
    ({}, {"layers.1.mlp.down_proj.weight": NAN}, r"\.down_proj\.weight holds 60 numbers that are not finite"),
    ({}, {"layers.1.mlp.down_proj.weight": None}, r"1 of 20 tensors .* missing, first layers\.1\.mlp\.down_proj"),
    ({}, {"norm.weight": np.ones(5, np.float32)}, r"norm\.weight has the shape \(5,\), its configuration wants \(6,\)"),
    ({"num_hidden_layers": 10**8}, {}, "has 100000000 layers by its configuration, and files with 20 tensors"),
    ({"num_hidden_layers": 3}, {}, "9 of 29 tensors of the model are missing"),
    ({"hidden_act": "xielu"}, {}, "hidden_act xielu is not computed"),
    ({"num_attention_heads": 0}, {}, "num_attention_heads must be a positive integer, not 0"),
    ({"num_key_value_heads": 3}, {}, "num_key_value_heads = 3 must divide num_attention_heads = 4"),
    ({"hidden_size": None}, {}, "hidden_size is not stated"),
    ({"rope_scaling": {"rope_type": "yarn", "factor": 2.0}}, {}, "rotary positions of kind yarn are not computed"),
    ({"rms_norm_eps": -1}, {}, "rms_norm_eps must be a number >= 0"),
    ({"quantization_config": {}}, {}, "a quantised model"),
]  # fmt: skip


@pytest.mark.parametrize(("config", "changed", "says"), REFUSED, ids=lambda given: str(given)[:40])
def test_what_is_refused(tmp_path: Path, config: dict[str, Any], changed: dict[str, Any], says: str) -> None:
    folder = weights(tmp_path, **changed)
    (folder / "config.json").write_text(json.dumps(tiny.LLAMA.config | config))
    with pytest.raises(InputError, match=says):
        read_transformer(folder)


def test_no_model(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no model")
    for path, says in (
        (tmp_path / "none", "no such folder"),
        (tmp_path / "notes.txt", "not a GGUF"),
        (tmp_path, "no config"),
    ):
        with pytest.raises(InputError, match=says):
            read_transformer(path)


def test_weights_are_shared_until_a_file_changes(tmp_path: Path) -> None:
    folder = written(tmp_path)
    model = share_transformer(folder)
    assert share_transformer(folder) is model
    other = tiny.tiny_llama(seed=8)
    other.write(folder, "model.")
    assert share_transformer(folder) is not model


LLAMA: dict[str, Any] = {"kind": "transformer_attention", "model": tiny.LLAMA_FOLDER}
NEOX: dict[str, Any] = {"kind": "transformer_mlp", "model": tiny.NEOX_FOLDER}


@pytest.mark.parametrize(
    ("force", "dimensions", "says"),
    [
        (LLAMA, 5, "the stream of llama has 6 dimensions, the space 5"),
        (LLAMA | {"layer": 3}, 6, "there is no layer 3; llama has 1 to 2"),
        (LLAMA | {"heads_off": [[3, 0]]}, 6, "there is no layer 3"),
        (LLAMA | {"heads_off": [[2, 4]]}, 6, "layer 2 has no head 4; its heads are 0 to 3"),
        (LLAMA | {"heads_off": [[2, 0]], "layer": 1}, 6, "there is no layer 2; only layer 1 acts"),
        (LLAMA | {"model": "none"}, 6, "no such folder"),
        (NEOX | {"residual": False}, 8, "share one residual connection"),
        (NEOX | {"normalisation": "after"}, 8, "share one residual connection"),
    ],
)
def test_forces_that_do_not_fit(force: dict[str, Any], dimensions: int, says: str) -> None:
    with pytest.raises(InputError, match=says):
        build_force(FORCES.parse(force), Surroundings(Free(dimensions=dimensions)))


def test_gases_and_steps_that_do_not_fit() -> None:
    x = np.zeros((30, 6))
    for gas, force, says in (
        (Gas(x), LLAMA, "reads texts of 1 to 24 tokens, not 30"),
        (Gas(x[:4], is_source=np.zeros(4, bool)), LLAMA, "not 0"),
        (Gas(x[:4]), LLAMA | {"host": 4}, "no token 4 in a text of 4"),
    ):
        with pytest.raises(InputError, match=says):
            Simulation(gas, forces=[force], dynamics={"kind": "layers"})
    sim = Simulation(x[:4], forces=[LLAMA], dynamics={"kind": "layers"})
    with pytest.raises(InputError, match=r"llama has 2 layers, which are 4 steps .* would end at step 5"):
        sim.step(5)
    Simulation(x[:4], forces=[LLAMA | {"layer": 1}], dynamics={"kind": "layers"}).step(7)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ({}, "give text or tokens"),
        ({"text": "a", "tokens": [1]}, "give text or tokens"),
        ({"text": "a"}, "no tokenizer of this model"),
        ({"tokens": [40]}, "token 40 is outside the model's vocabulary of 40"),
        ({"tokens": []}, "0 tokens; the model reads 1 to 24"),
        ({"tokens": [0] * 25}, "25 tokens; the model reads 1 to 24"),
    ],
)
def test_prompts_that_do_not_fit(source: dict[str, Any], says: str) -> None:
    from gasfield.scenario.sources import GAS_SOURCES, SourceContext

    prompt = GAS_SOURCES.parse({"kind": "prompt", "model": "llama", **source})
    context = SourceContext("text", Free(dimensions=6), 1, 0, lambda name: Path(tiny.LLAMA_FOLDER))
    with pytest.raises(InputError, match=says):
        prompt.gas(context)


def test_gpt2_of_a_training_is_read(tmp_path: Path) -> None:
    """Also with bfloat16 weights, which become the same float32 numbers."""
    folders = [tiny_models.write_gpt2(tmp_path / numbers, numbers=numbers) for numbers in ("F32", "BF16")]
    one, other = (read_transformer(folder) for folder in folders)
    assert one.digest == other.digest

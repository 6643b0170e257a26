"""The twin of a transformer: gasfield's own pass beside that of transformers, at every step, for each family."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gasfield.simulation import Simulation
from gasfield.transformer import embed, logits, read_transformer, streams

pytestmark = pytest.mark.validate
transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")

SIZES: dict[str, Any] = {
    "vocab_size": 90, "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 40,
    "max_position_embeddings": 64,
}  # fmt: skip
MODELS: dict[str, Callable[[], Any]] = {
    "llama": lambda: transformers.LlamaForCausalLM(
        transformers.LlamaConfig(**SIZES, num_key_value_heads=2, initializer_range=0.3, rope_theta=500.0)
    ),
    "llama with biases and llama3 positions": lambda: transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            **SIZES, initializer_range=0.3, attention_bias=True, mlp_bias=True, tie_word_embeddings=True,
            rope_parameters={"rope_type": "llama3", "rope_theta": 100.0, "factor": 4.0, "low_freq_factor": 1.0,
                             "high_freq_factor": 4.0, "original_max_position_embeddings": 32},
        )
    ),
    "mistral": lambda: transformers.MistralForCausalLM(
        transformers.MistralConfig(**SIZES, num_key_value_heads=2, head_dim=8, initializer_range=0.3,
                                   sliding_window=None)
    ),
    "qwen2": lambda: transformers.Qwen2ForCausalLM(
        transformers.Qwen2Config(**SIZES, num_key_value_heads=2, initializer_range=0.3)
    ),
    "gpt2": lambda: transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=90, n_embd=24, n_layer=3, n_head=4, n_positions=64, initializer_range=0.3,
                                scale_attn_by_inverse_layer_idx=True)
    ),
    "gpt_neox": lambda: transformers.GPTNeoXForCausalLM(
        transformers.GPTNeoXConfig(**SIZES, rotary_pct=0.67, initializer_range=0.3, hidden_act="gelu")
    ),
    "gpt_neox in sequence": lambda: transformers.GPTNeoXForCausalLM(
        transformers.GPTNeoXConfig(**SIZES, rotary_pct=1.0, initializer_range=0.3, use_parallel_residual=False)
    ),
}  # fmt: skip
IDS = np.random.default_rng(0).integers(0, 90, 40)


def states_of(module: Any, ids: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """The stream after the embedding and after each layer but the last, whose final norm is applied; and the logits."""
    with torch.inference_mode():
        out = module.eval()(torch.from_numpy(ids)[None], output_hidden_states=True, use_cache=False)
    return [state[0].numpy() for state in out.hidden_states[:-1]], out.logits[0].numpy()


def worst(x: np.ndarray, y: np.ndarray) -> float:
    """The greatest relative error of a token."""
    return float((np.linalg.norm(x - y, axis=1) / np.linalg.norm(y, axis=1)).max())


@pytest.mark.parametrize("name", MODELS)
def test_each_family_is_that_of_transformers_at_every_layer(name: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    module = MODELS[name]()
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim == 1:  # biases and norms, which start at 0 and 1
                parameter.add_(0.3 * torch.randn_like(parameter))
    module.save_pretrained(tmp_path)
    theirs, exact = states_of(module, IDS)
    model = read_transformer(tmp_path)
    ours = dict(streams(model, IDS))
    assert len(theirs) == 3
    for layer, state in enumerate(theirs):
        assert worst(ours[2 * layer], state) < 1e-5
    assert worst(logits(model, ours[6]), exact) < 1e-5
    assert worst(ours[4], theirs[1]) > 1e-2


def test_smollm2_is_simulated_within_1e_4_at_each_of_30_layers(smollm2: Path) -> None:
    """A run of the engine, from the embedding on; rows of queries and keys are in another order in its GGUF file."""
    path, model = smollm2, read_transformer(smollm2)
    module = transformers.AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32, local_files_only=True
    )
    ids = np.random.default_rng(0).integers(0, model.vocabulary, 100)
    theirs, exact = states_of(module, ids)
    forces = [{"kind": kind, "model": str(path)} for kind in ("transformer_attention", "transformer_mlp")]
    sim = Simulation(embed(model, ids), forces=forces, dynamics={"kind": "layers"})
    errors = []
    for state in theirs:
        errors.append(worst(sim.gas.positions, state))
        sim.step(2)
    last = worst(logits(model, sim.gas.positions), exact)
    print(f"worst relative error of a token over layers: {max(errors):.2g}; of its logits: {last:.2g}")
    assert len(errors) == 30
    assert max(errors) < 1e-4
    assert last < 1e-4
    off = [force | ({"heads_off": [[15, 3]]} if "attention" in force["kind"] else {}) for force in forces]
    changed = Simulation(embed(model, ids), forces=off, dynamics={"kind": "layers"}).step(58).gas.positions
    assert worst(changed, theirs[-1]) > 1e-3

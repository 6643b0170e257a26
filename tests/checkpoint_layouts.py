"""Small series of checkpoints in the layouts that people have, made with the libraries that make them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

ROWS, WIDTH = 6, 32
Matrices = Mapping[int, NDArray[np.float32]]
"""Matrix (ROWS, WIDTH) by step."""


@dataclass(frozen=True)
class Layout:
    """A layout, and what is to be known about it.

    Attributes:
        make: writes some matrices into a folder.
        source: of the import, in that folder.
        options: of the import.
        numbered: whether the names state no steps.
        needs: a package without which it cannot be made.
        series: of the folders and files of the source, those of the series.
    """

    make: Callable[[Path, Matrices], None]
    source: str = "."
    options: Mapping[str, Any] = field(default_factory=dict)
    numbered: bool = False
    needs: str = "torch"
    series: str = "*"


LAYOUTS: dict[str, Layout] = {}


def layout(name: str, **known: Any) -> Callable[[Callable[[Path, Matrices], None]], None]:
    """Adds a layout that a function makes."""

    def add(make: Callable[[Path, Matrices], None]) -> None:
        LAYOUTS[name] = Layout(make, **known)

    return add


def state(matrix: NDArray[np.float32], name: str = "transformer.wte.weight") -> dict[str, torch.Tensor]:
    """A state dict with the matrix and a vector."""
    return {name: torch.from_numpy(matrix.copy()), "transformer.ln.weight": torch.zeros(WIDTH)}


def safetensors(folder: Path, matrix: NDArray[np.float32], name: str = "transformer.wte.weight") -> None:
    """A folder with model.safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(state(matrix, name), folder / "model.safetensors", metadata={"format": "pt"})


def saved(content: Any, file: Path) -> None:
    """A file of torch.save."""
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, file)


@layout("folders of safetensors")
def _(folder: Path, matrices: Matrices) -> None:
    for step, matrix in matrices.items():
        safetensors(folder / f"step{step}", matrix)


@layout("shards and their index")
def _(folder: Path, matrices: Matrices) -> None:
    for step, matrix in matrices.items():
        place = folder / f"step_{step}"
        place.mkdir()
        names = {name: f"model-0000{number}-of-00002.safetensors" for number, name in enumerate(state(matrix), 1)}
        for name, tensor in state(matrix).items():
            save_file({name: tensor}, place / names[name])
        (place / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": names}))


@layout("shards of torch.save")
def _(folder: Path, matrices: Matrices) -> None:
    for step, matrix in matrices.items():
        names = {name: f"pytorch_model-0000{number}-of-00002.bin" for number, name in enumerate(state(matrix), 1)}
        for name, tensor in state(matrix).items():
            saved({name: tensor}, folder / f"step{step}" / names[name])
        index = folder / f"step{step}" / "pytorch_model.bin.index.json"
        index.write_text(json.dumps({"metadata": {}, "weight_map": names}))


@layout("files of torch.save")
def _(folder: Path, matrices: Matrices) -> None:
    for step, matrix in matrices.items():
        saved({"model": state(matrix), "step": step, "args": {"lr": 1e-3}}, folder / f"state_step{step:06}.pt")


@layout("files before PyTorch 1.6")
def _(folder: Path, matrices: Matrices) -> None:
    for step, matrix in matrices.items():
        folder.mkdir(exist_ok=True)
        torch.save(state(matrix), folder / f"iter_{step:07}.pt", _use_new_zipfile_serialization=False)


@layout("Lightning")
def _(folder: Path, matrices: Matrices) -> None:
    for step, matrix in matrices.items():
        wrapped = {f"model.{name}": tensor for name, tensor in state(matrix).items()}
        saved({"state_dict": wrapped, "global_step": step}, folder / f"epoch={step // 5}-val_loss=2.5-step={step}.ckpt")


@layout("Trainer", series="checkpoint-*")
def _(folder: Path, matrices: Matrices) -> None:
    for step, matrix in matrices.items():
        place = folder / f"checkpoint-{step}"
        safetensors(place, matrix)
        (place / "trainer_state.json").write_text(json.dumps({"global_step": step, "log_history": []}))
        for other in ("optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin"):
            (place / other).write_bytes(b"whatever")
    safetensors(folder, np.zeros((ROWS, WIDTH), np.float32))


@layout("the cache of the hub")
def _(folder: Path, matrices: Matrices) -> None:
    cache = folder / "models--org--name"
    for number, (step, matrix) in enumerate(matrices.items()):
        commit = f"{(7 * number + 3) % 5:040x}"  # hashes are in another order than steps
        branch(cache, f"step{step}", commit)
        cached(cache, commit, matrix)
    branch(cache, "main", commit)


def branch(cache: Path, name: str, commit: str) -> None:
    """A branch in the cache of the Hugging Face hub."""
    (cache / "refs" / name).parent.mkdir(parents=True, exist_ok=True)
    (cache / "refs" / name).write_text(commit)


def cached(cache: Path, commit: str, matrix: NDArray[np.float32]) -> None:
    """A snapshot, whose files are links into `blobs`."""
    safetensors(cache / "made", matrix)
    (cache / "blobs").mkdir(exist_ok=True)
    (cache / "made" / "model.safetensors").rename(cache / "blobs" / f"b{commit}")
    (cache / "snapshots" / commit).mkdir(parents=True)
    (cache / "snapshots" / commit / "model.safetensors").symlink_to(f"../../blobs/b{commit}")
    (cache / "made").rmdir()


@layout("one repository a step")
def _(folder: Path, matrices: Matrices) -> None:
    for step, matrix in matrices.items():
        cache = folder / f"models--google--multiberts-seed_0-step_{step / 1000}k"
        branch(cache, "main", f"{step:040x}")
        cached(cache, f"{step:040x}", matrix)


@layout("stages", options={"stage": "2-ingredient1"}, series="stage2-ingredient1-*")
def _(folder: Path, matrices: Matrices) -> None:
    for step, matrix in matrices.items():
        safetensors(folder / f"stage2-ingredient1-step{step}-tokens{step}M", matrix)
        safetensors(folder / f"stage2-ingredient2-step{step}-tokens{step}M", matrix + 1)
        safetensors(folder / f"stage1-step{10 * step}-tokens{step}B", matrix + 2)


@layout("DeepSpeed")
def _(folder: Path, matrices: Matrices) -> None:
    for step, matrix in matrices.items():
        saved(
            {"module": state(matrix), "global_steps": step},
            folder / f"global_step{step}" / "mp_rank_00_model_states.pt",
        )
        for rank in range(2):
            name = f"bf16_zero_pp_rank_{rank}_mp_rank_00_optim_states.pt"
            saved({"optimizer_state_dict": {}}, folder / f"global_step{step}" / name)
    (folder / "latest").write_text(f"global_step{step}")


@layout("Megatron")
def _(folder: Path, matrices: Matrices) -> None:
    for step, matrix in matrices.items():
        weights = {"weight": torch.from_numpy(matrix.copy())}
        model = {"language_model": {"embedding": {"word_embeddings": weights, "position_embeddings": weights}}}
        saved({"model": model, "iteration": step}, folder / f"iter_{step:07}" / "mp_rank_00" / "model_optim_rng.pt")
    (folder / "latest_checkpointed_iteration.txt").write_text(str(step))


@layout("OLMo, unsharded")
def _(folder: Path, matrices: Matrices) -> None:
    for step, matrix in matrices.items():
        saved(state(matrix), folder / f"step{step}-unsharded" / "model.pt")
        for other in ("optim.pt", "train.pt"):
            (folder / f"step{step}-unsharded" / other).write_bytes(b"whatever")


@layout("torch.distributed.checkpoint")
def _(folder: Path, matrices: Matrices) -> None:
    from torch.distributed.checkpoint.state_dict_saver import save

    for step, matrix in matrices.items():
        save({"model": state(matrix)}, checkpoint_id=folder / f"step{step}" / "model_and_optim", no_dist=True)
        saved({"x": torch.zeros(3)}, folder / f"step{step}" / "train" / "rank0.pt")


@layout("GGUF", needs="gguf")
def _(folder: Path, matrices: Matrices) -> None:
    import gguf

    for step, matrix in matrices.items():
        writer = gguf.GGUFWriter(folder / f"model-step{step}-f32.gguf", "llama")
        writer.add_tensor("token_embd.weight", matrix)
        writer.add_tensor("output_norm.weight", np.zeros(WIDTH, np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


@layout("arrays of NumPy")
def _(folder: Path, matrices: Matrices) -> None:
    for step, matrix in matrices.items():
        np.save(folder / f"embedding-step{step}.npy", matrix)


@layout("archives of NumPy")
def _(folder: Path, matrices: Matrices) -> None:
    for step, matrix in matrices.items():
        np.savez_compressed(folder / f"ckpt_{step}.npz", embedding=matrix, bias=np.zeros(WIDTH))


@layout("numbers for names")
def _(folder: Path, matrices: Matrices) -> None:
    for step, matrix in matrices.items():
        safetensors(folder / "run" / str(step) / "model", matrix)


@layout("wrapped, and tied")
def _(folder: Path, matrices: Matrices) -> None:
    names = ["model.embed_tokens.weight", "_orig_mod.model.embed_tokens.weight", "lm_head.weight"]
    for number, (step, matrix) in enumerate(matrices.items()):
        safetensors(folder / f"step{step}", matrix, names[number % 3])
        (folder / f"step{step}" / "config.json").write_text(json.dumps({"tie_word_embeddings": True}))


def trajectory(matrices: Matrices) -> dict[str, Any]:
    """All matrices as one array, and other arrays beside it."""
    return {"W": np.stack(list(matrices.values())), "h_mean": np.zeros((len(matrices), WIDTH), np.float32)}


@layout("a trajectory and its JSON")
def _(folder: Path, matrices: Matrices) -> None:
    np.savez(folder / "run.npz", **trajectory(matrices))
    (folder / "run.json").write_text(json.dumps({"steps": list(matrices), "token_ids": list(range(ROWS))}))


@layout("a trajectory with all in it")
def _(folder: Path, matrices: Matrices) -> None:
    known = {"steps": np.array(list(matrices)), "token_ids": np.arange(ROWS)}
    arrays = {name: torch.from_numpy(array) for name, array in {**trajectory(matrices), **known}.items()}
    save_file(arrays, folder / "run.safetensors", metadata={"corpus": "theirs"})

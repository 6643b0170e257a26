"""Hugging Face's layout and GGUF files, opened by transformers: from this disk only, and no code but its own."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

from gasfield.errors import InputError, Note
from gasfield.language.base import Decoding, Ids, LanguageModel, Logits, Tokenizer, require_fit
from gasfield.language.folder import names_code, tuple_of
from gasfield.language.tokenizing import has_tokenizer

_LOCAL = {"local_files_only": True, "trust_remote_code": False}
_DTYPE = "dtype" if tuple(map(int, transformers.__version__.split(".")[:2])) >= (4, 56) else "torch_dtype"
_MOST = 300
"""Characters of a foreign message."""


def open_folder(folder: Path, config: dict[str, Any]) -> HuggingFaceModel:
    """Opens a folder in Hugging Face's layout; weights are cast to float32.

    Raises:
        InputError: if it is not a causal language model that transformers can read.
    """
    code = names_code(folder, config)
    try:
        tokenizer = open_huggingface_tokenizer(folder, {}) if has_tokenizer(folder) else None
        module = _load(folder, folder, {"use_safetensors": True})
    except InputError as error:
        if code:
            raise InputError(
                f"{error.message} The folder has code of its own (auto_map), which is never run."
            ) from None
        raise
    if code:
        message = f"{folder}: its code (auto_map) is not run; {type(module).__name__} of transformers takes its place"
        warnings.warn(Note(message), stacklevel=3)
    return HuggingFaceModel(folder, module, tokenizer)


def open_gguf(path: Path) -> HuggingFaceModel:
    """Opens a GGUF file, dequantised to float32.

    Raises:
        InputError: if it is damaged, or not a causal language model that transformers can read.
    """
    options = {"gguf_file": path.name}
    tokenizer = open_huggingface_tokenizer(path, options)
    return HuggingFaceModel(path, _load(path, path.parent, options), tokenizer)


def open_huggingface_tokenizer(path: Path, options: dict[str, Any]) -> HuggingFaceTokenizer:
    """Opens the tokenizer of a folder, or with the option `gguf_file` of a GGUF file.

    Raises:
        InputError: if transformers cannot read it.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # else a warning is printed in forked processes
    folder = path if path.is_dir() else path.parent
    with _quiet(), _refusing(path, "its tokenizer"):
        return HuggingFaceTokenizer(str(path), AutoTokenizer.from_pretrained(folder, **options, **_LOCAL))


def _load(path: Path, folder: Path, options: dict[str, Any]) -> Any:
    """The module; transformers would fill tensors that are not in the file with random numbers."""
    with _quiet(), _refusing(path, "it"):
        opened: Any = AutoModelForCausalLM.from_pretrained(
            folder, **{_DTYPE: torch.float32}, output_loading_info=True, **options, **_LOCAL
        )
    module, info = opened
    missing = sorted(info["missing_keys"])
    if missing:
        raise InputError(
            f"{path}: {len(missing)} tensors of {type(module).__name__} are missing, first {missing[0]}; a model with "
            "random numbers in their place is not opened."
        )
    return module.eval()


@contextmanager
def _refusing(path: Path, what: str) -> Iterator[None]:
    """Turns whatever transformers and the packages below it raise for a file into one message."""
    try:
        yield
    except InputError:
        raise
    except Exception as fault:  # of the file's content, in many packages, with no common type
        reason = " ".join(str(fault).split())[:_MOST]
        reason = reason if " " in reason else f"{type(fault).__name__} {reason}"  # of a missing key, only its name
        raise InputError(f"{path}: transformers cannot open {what}: {reason}") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps logs, warnings and progress bars of transformers off the terminal."""
    logs: Any = transformers.utils.logging
    verbosity, bars = logs.get_verbosity(), logs.is_progress_bar_enabled()
    logs.set_verbosity_error()
    logs.disable_progress_bar()
    try:
        with warnings.catch_warnings(), open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):
            warnings.simplefilter("ignore")
            yield
    finally:
        logs.set_verbosity(verbosity)
        if bars:
            logs.enable_progress_bar()


class HuggingFaceTokenizer(Tokenizer):
    """A tokenizer of transformers."""

    def __init__(self, name: str, tokenizer: Any) -> None:
        self._name = name
        self._tokenizer = tokenizer
        self.size = 1 + max(tokenizer.get_vocab().values(), default=-1)

    def encode(self, text: str, *, special: bool = True) -> Ids:
        with _quiet():
            return np.array(self._tokenizer(text, add_special_tokens=special)["input_ids"], np.int64)

    def decode(self, ids: Sequence[int] | Ids) -> str:
        return str(self._tokenizer.decode([int(index) for index in ids], clean_up_tokenization_spaces=False))

    def spelling(self, index: int) -> str | None:
        spelled: str | None = self._tokenizer.convert_ids_to_tokens(int(index)) if index < self.size else None
        return spelled

    def chat(self, message: str) -> str:
        if self._tokenizer.chat_template is None:
            raise InputError(f"{self._name}: the model has no chat template; give the prompt as raw text.")
        turns = [{"role": "user", "content": message}]
        with _quiet(), _refusing(Path(self._name), "its chat template"):
            return str(self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))


class HuggingFaceModel(LanguageModel):
    """A causal language model of transformers.

    Attributes:
        module: the PyTorch module.
    """

    def __init__(self, path: Path, module: Any, tokenizer: Tokenizer | None) -> None:
        """Checks that the model is causal and the tokenizer fits it.

        Raises:
            InputError: if not.
        """
        self.name = path.resolve().name
        self.module = module
        self.tokenizer = tokenizer
        takes = inspect.signature(module.forward).parameters
        # Names that changed between versions of transformers.
        self.cache_name = next((name for name in ("cache", "past_key_values") if name in takes), None)
        keeps = next((name for name in ("logits_to_keep", "num_logits_to_keep") if name in takes), None)
        self.last_only = {} if keeps is None else {keeps: 1}
        text = module.config.get_text_config()
        self.context = getattr(text, "max_position_embeddings", None)
        with _quiet(), _refusing(path, "it"):
            self.vocabulary = _require_causal(path, module)
        require_fit(str(path), tokenizer, self.vocabulary)
        generation = getattr(module, "generation_config", None)
        stated = tuple_of(getattr(generation, "eos_token_id", None))
        self.end = tuple(index for index in stated if 0 <= index < self.vocabulary)

    @torch.inference_mode()
    def logits(self, ids: Ids) -> Logits:
        tokens = torch.from_numpy(self.require_ids(ids))[None]
        found: Logits = self.module(tokens, use_cache=False).logits[0].float().numpy()
        return found

    def decode(self, prompts: Ids) -> Decoding:
        return _CachedDecoding(self, self.require_ids(prompts))


@torch.inference_mode()
def _require_causal(path: Path, module: Any) -> int:
    """The vocabulary V, if the logits of a token do not depend on the token after it.

    Raises:
        InputError: if they do (BERT and its kind), or are not finite.
    """
    one, other = module(torch.tensor([[0, 1], [0, 2]]), use_cache=False).logits[:, 0].float()
    if not torch.isfinite(one).all():
        raise InputError(f"{path}: {int((~torch.isfinite(one)).sum())} of its {len(one)} logits are not finite.")
    change = float((one - other).abs().max())
    if change > 1e-3 * max(float(one.std()), 1e-6):
        raise InputError(
            f"{path}: {type(module).__name__} is no causal model: the logits after a token depend on the next token "
            f"(they change by {change:.3g})."
        )
    return len(one)


class _CachedDecoding(Decoding):
    """Keeps keys and values."""

    def __init__(self, model: HuggingFaceModel, prompts: Ids) -> None:
        self._model = model
        self._ids = prompts
        self._cache: Any = None
        self._run(prompts)

    @torch.inference_mode()
    def _run(self, new: Ids) -> None:
        """Computes the new tokens (B, n) behind those in the cache."""
        model = self._model
        tokens = torch.from_numpy(np.ascontiguousarray(new))
        kept = {} if model.cache_name is None else {model.cache_name: self._cache}
        out = model.module(tokens, use_cache=model.cache_name is not None, **model.last_only, **kept)
        self._cache = None if model.cache_name is None else out.get(model.cache_name)
        self.logits = out.logits[:, -1].float().numpy()
        self.length = self._ids.shape[1]

    def extend(self, tokens: Ids) -> None:
        self._ids = self._model.require_ids(np.concatenate([self._ids, np.asarray(tokens, np.int64)[:, None]], axis=1))
        self._run(self._ids if self._cache is None else self._ids[:, -1:])

    def cut(self, length: int) -> None:
        self._ids = self._ids[:, :length]
        try:
            self._cache.crop(length - 1 - self.length)  # all versions take a negative number as one to remove
        except (AttributeError, ValueError, RuntimeError):  # state space, sliding window: cannot be cut
            self._cache = None
        self._run(self._ids if self._cache is None else self._ids[:, -1:])

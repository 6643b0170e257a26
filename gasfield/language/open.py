"""Opens a model, or a file of logits, by its path."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from gasfield.errors import InputError, Note
from gasfield.language.base import LanguageModel
from gasfield.language.gpt2 import is_gpt2, open_gpt2
from gasfield.language.logits import LogitsFile, open_logits
from gasfield.tensors import tensors_of
from gasfield.transformer.folder import read_config, tensors_of_model

if TYPE_CHECKING:
    from gasfield.language.huggingface import HuggingFaceModel

_MAGIC = b"GGUF"
_FOR_FOLDERS = ("torch", "transformers", "tokenizers")
_FOR_GGUF = (*_FOR_FOLDERS, "gguf", "accelerate")


def open_source(path: str | Path) -> LanguageModel | LogitsFile:
    """A language model, from a folder or a GGUF file, or else a file of logits.

    Raises:
        InputError: if it is neither.
    """
    path = _existing(path)
    return open_model(path) if path.is_dir() or _is_gguf(path) else open_logits(path)


def open_model(path: str | Path) -> LanguageModel:
    """A language model from a folder in Hugging Face's layout or a GGUF file. Nothing is downloaded, unpickled, or run
    of the code that may lie in the folder.

    GPT-2's layout is always computed by NumPy, so that a model gives the same numbers whichever extras are installed;
    all others by transformers.

    Raises:
        InputError: if there is no such model, it cannot be read, or a package that it needs is not installed.
    """
    path = _existing(path)
    if not path.is_dir():
        if not _is_gguf(path):
            raise InputError(f"{path}: not a GGUF file; of a model in Hugging Face's layout, give the folder.")
        _require(path, _FOR_GGUF)
        tensors_of(path)  # checks the sizes in its header, which the package gguf believes
        from gasfield.language.huggingface import open_gguf

        return open_gguf(path)
    config = read_config(path)
    if is_gpt2(config):
        return open_gpt2(path, config)
    tensors_of_model(path)
    _require(path, _FOR_FOLDERS)
    from gasfield.language.huggingface import open_folder

    return open_folder(path, config)


def open_module(path: str | Path) -> HuggingFaceModel:
    """A language model with the modules of transformers behind it, whatever its layout: see `open_model`. That its
    numbers are cast to float32 is noted.

    Raises:
        InputError: as `open_model`, and if torch or transformers are not installed.
    """
    path = _existing(path)
    if not path.is_dir() and not _is_gguf(path):
        raise InputError(f"{path}: not a GGUF file; of a model in Hugging Face's layout, give the folder.")
    _require(path, _FOR_FOLDERS if path.is_dir() else _FOR_GGUF)
    config = read_config(path) if path.is_dir() else {}
    tensors = tensors_of_model(path) if path.is_dir() else tensors_of(path)
    from gasfield.language.huggingface import open_folder, open_gguf

    model = open_folder(path, config) if path.is_dir() else open_gguf(path)
    numbers = {tensor.numbers for tensor in tensors} - {"float32"}
    if numbers:
        kinds = ", ".join(sorted(numbers))
        warnings.warn(
            Note(f"{path}: its weights ({kinds}) are cast to float32, in which all is computed"), stacklevel=2
        )
    return model


def _existing(path: str | Path) -> Path:
    path = Path(path).expanduser()
    if not path.exists():
        raise InputError(f"{path}: there is no such folder or file; models are not downloaded.")
    return path


def _is_gguf(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC or path.suffix == ".gguf"


def _require(path: Path, packages: tuple[str, ...]) -> None:
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise InputError(f"{path}: opening it needs {', '.join(missing)}: pip install 'gasfield[lm]'.")

"""Profiles: which processors a server has, in which order it applies them, and how it defines them.

Sources, as of 2026: transformers 5 (generation/logits_process.py, utils.py), llama.cpp (src/llama-sampling.cpp and
common/sampling.cpp, its default order of samplers), vLLM's engine v1 (v1/sample/sampler.py). Only the order and the
definitions are those of the server, not its default values: nothing is on unless it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

from gasfield.errors import InputError
from gasfield.sampling.processors.base import CONVENTIONS, Conventions


@dataclass(frozen=True)
class Profile:
    """A server.

    Attributes:
        name: as given to a command.
        order: kinds of its processors in the order in which it applies them.
        conventions: where its definitions differ from those of others.
        alone: kinds that replace all others, each with the order that is left.
    """

    name: str
    order: tuple[str, ...]
    conventions: Conventions
    alone: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def kinds(self) -> set[str]:
        """All processors that it has."""
        return {*self.order, *(kind for _, order in self.alone for kind in order)}


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "transformers",
            (
                "repetition", "temperature", "top-h", "top-k", "top-p", "min-p", "typical", "epsilon", "eta",
            ),
            CONVENTIONS,
        ),
        Profile(
            "llama.cpp",
            (
                "repetition", "frequency", "presence", "dry", "top-n-sigma", "top-k", "typical", "top-p", "min-p",
                "xtc", "temperature",
            ),
            Conventions(ties=False, larger_ids_first=False, typical_exceeds=True, window=64),
            (("mirostat", ("temperature", "mirostat")),),
        ),
        Profile(
            "vllm",
            ("repetition", "frequency", "presence", "temperature", "min-p", "top-k", "top-p"),
            Conventions(counts_prompt=False, greedy_below=1e-5),
        ),
    )
}  # fmt: skip


def profile_of(name: str) -> Profile:
    """A profile by its name.

    Raises:
        InputError: if there is none.
    """
    if name not in PROFILES:
        raise InputError(f"there is no such profile; there are {', '.join(PROFILES)}.", parameter="profile", value=name)
    return PROFILES[name]

"""The interface of importers: an importer claims the files or folders that it can read, and reads them as a source."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

from gasfield.errors import InputError
from gasfield.importing.candidates import Choice
from gasfield.importing.source import Source
from gasfield.registry import Registry
from gasfield.spec import Spec


class Importer(Spec):
    """A format that can be imported, with the options of `gasfield import`."""

    precedence: ClassVar[int] = 0
    """Of several importers that claim a path, the highest wins; the built-in importers are below 0."""

    kind: str
    tensor: str | None = None
    """Name of the matrix, if it is not found automatically or another is wanted."""
    tokenizer: Path | None = None
    """tokenizer.json, vocab.json or vocab.txt, for the strings of tokens."""
    bits: str | None = None
    """"bfloat16" if uint16 numbers are the bits of bfloat16 ones."""
    stage: str | None = None
    """Of a series of checkpoints: only those of this stage of the training."""
    patterns: tuple[str, ...] = ()
    """Of a series of checkpoints: only those with such a name (* and ?), and none that a pattern with ! matches."""
    order: str | None = None
    """Of a series of checkpoints: "natural", or a file with a name and its step in each line."""
    ignore_metadata: bool = False
    """Whether JSON beside the file, the header of a safetensors file, and states of trainers are ignored."""
    any_shape: bool = False
    """Of a series of checkpoints: whether matrices of another shape are frames too, as an audit wants them."""

    @property
    def choice(self) -> Choice:
        """What the options say of a series of checkpoints."""
        return Choice(self.stage, self.patterns, self.order, self.ignore_metadata)

    def refuse_choice(self, path: Path) -> None:
        """Refuses options that choose among checkpoints where there is no series.

        Raises:
            InputError: if there is such an option.
        """
        for parameter, value in (("stage", self.stage), ("filter", self.patterns), ("order", self.order)):
            if value:
                raise InputError(f"is for folders of checkpoints; {path} is none.", parameter=parameter)

    @abstractmethod
    def claims(self, path: Path) -> bool:
        """Whether an existing file or folder is of this format.

        Raises:
            InputError: if it is, but damaged.
        """

    @abstractmethod
    def read(self, path: Path) -> Source:
        """The matrices and their metadata; no large data are loaded yet.

        Raises:
            InputError: if it cannot be imported; the message states the reason.
        """


IMPORTERS = Registry("importer", Importer, package="gasfield.importing")
"""`kind` -> specification of every importer."""


def importer_of(path: Path, kind: str | None = None, **options: object) -> Importer:
    """The importer of a file or folder.

    Args:
        path: what to import.
        kind: of the importer; by default the importer that claims the path.
        options: fields of the importer.

    Raises:
        InputError: if there is no such importer, none claims the path, or several with the same precedence do.
    """
    known = IMPORTERS.with_installed()
    if kind is not None:
        if kind not in known:
            raise InputError(f"there is no importer '{kind}'; there are {', '.join(known)}.", parameter="format")
        return known[kind].model_validate({"kind": kind, **options})
    made = [spec.model_validate({"kind": kind, **options}) for kind, spec in known.items()]
    claiming: list[Importer] = []
    for importer in sorted(made, key=lambda each: -each.precedence):
        if claiming and importer.precedence < claiming[0].precedence:
            break
        if importer.claims(path):
            claiming.append(importer)
    if not claiming:
        raise InputError(f"{path}: no importer reads this format; there are {', '.join(known)}.")
    if len(claiming) > 1:
        kinds = ", ".join(each.kind for each in claiming)
        raise InputError(f"{path}: several importers claim it ({kinds}); choose one.", parameter="format")
    return claiming[0]

"""Import of existing recordings and checkpoints into trajectory files."""

from gasfield.importing.base import IMPORTERS, Importer
from gasfield.importing.importing import import_recording
from gasfield.importing.source import Piece, Source

__all__ = ["IMPORTERS", "Importer", "Piece", "Source", "import_recording"]

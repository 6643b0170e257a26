"""Import of existing recordings and checkpoints into trajectory files."""

from gasfield.importing.auditing import audit
from gasfield.importing.base import IMPORTERS, Importer
from gasfield.importing.importing import import_recording
from gasfield.importing.source import Piece, Source

__all__ = ["IMPORTERS", "Importer", "Piece", "Source", "audit", "import_recording"]

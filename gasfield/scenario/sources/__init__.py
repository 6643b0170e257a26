"""Where the particles of a group come from: one file a family of sources, each registered under its `kind`."""

from typing import Annotated

from gasfield.scenario.sources.base import GAS_SOURCES, GasSource, SourceContext

AnySource = Annotated[GasSource, GAS_SOURCES.by_kind]
"""The specification of any registered gas source, told apart by `kind`."""

__all__ = ["GAS_SOURCES", "AnySource", "GasSource", "SourceContext"]

"""Where the time of a run has gone."""

from gasfield.profiling.profile import PICTURE, REST, Line, Profile
from gasfield.profiling.sections import Path, Section, Sections

__all__ = ["PICTURE", "REST", "Line", "Path", "Profile", "Section", "Sections"]

"""What a run costs: where the time of one has gone (profile), and what the next one will take (cost, calibrate)."""

from gasfield.cost.profile import Profile
from gasfield.cost.sections import Sections

__all__ = ["Profile", "Sections"]

"""Fields learned from trajectories: the file that holds one, the laws that it may consist of, and the force."""

from gasfield.forces.learned.field_file import LearnedField, Term
from gasfield.forces.learned.law import FIELD_LAWS, Arrays, FieldLaw
from gasfield.forces.learned.region import Region
from gasfield.forces.moved import Moved, Target

__all__ = ["FIELD_LAWS", "Arrays", "FieldLaw", "LearnedField", "Moved", "Region", "Target", "Term"]

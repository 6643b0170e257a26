"""Tables by row: what each row of a trajectory did."""

from gasfield.row_tables.rows import rows
from gasfield.row_tables.table import RowTable

__all__ = ["RowTable", "rows"]

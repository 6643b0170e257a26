"""`gasfield calibrate`."""

from __future__ import annotations

from gasfield.cli.options import Json
from gasfield.cli.output import put_json


def calibrate(as_json: Json = False) -> None:
    """Measures this machine for a minute or two, so that `check --cost` predicts runs on it."""
    from gasfield import cost
    from gasfield.cli.cost_table import print_calibration
    from gasfield.cli.terminal import status

    with status() as show:
        fitted = cost.calibrate(show)
    if as_json:
        put_json(fitted.as_json())
    else:
        print_calibration(fitted)

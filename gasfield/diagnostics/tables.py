"""Results as pandas data frames and xarray data sets: numbers with value, unit and error, and curves over steps."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Result
from gasfield.diagnostics.keys import keyed
from gasfield.extras import TABLES, require_packages
from gasfield.printable import storable
from gasfield.quantity import Quantity

if TYPE_CHECKING:
    import pandas
    import xarray

Results = Iterable[tuple[str, str, Result]]
"""(group, diagnostic, result)."""
ERROR = ".error"
"""Ending of the name of an error."""


def numbers_as_dataframe(results: Results) -> pandas.DataFrame:
    """See `Diagnosis.to_dataframe`."""
    require_packages(("pandas",), TABLES, "a data frame")
    import pandas

    lines = [
        (storable(group), diagnostic, name, part if isinstance(quantity.value, list) else 0, *_numbers(each), each.unit)
        for group, diagnostic, result in results
        for name, quantity in result.quantities().items()
        for part, each in enumerate(quantity.parts(), 1)
        if not isinstance(each.value, list)
    ]
    columns = ["group", "diagnostic", "name", "part", "value", "error", "unit"]
    return pandas.DataFrame(lines, columns=columns).astype({"part": int, "value": float, "error": float})


def numbers_as_xarray(results: Results) -> xarray.Dataset:
    """See `Diagnosis.to_xarray`."""
    require_packages(("xarray",), TABLES, "a data set of xarray")
    import xarray

    everything = [(storable(group), diagnostic, result) for group, diagnostic, result in results]
    groups = list(dict.fromkeys(group for group, _, _ in everything))
    data: dict[str, Any] = {}
    for group, diagnostic, result in everything:
        for name, quantity in keyed(diagnostic, result).items():
            if isinstance(quantity.value, list):
                continue
            for ending, number in zip(("", ERROR), _numbers(quantity), strict=True):
                empty = ("group", np.full(len(groups), math.nan), {"units": quantity.unit})
                data.setdefault(f"{name}{ending}", empty)[1][groups.index(group)] = number
    return xarray.Dataset(data, {"group": np.array(groups, object)})


def _numbers(quantity: Quantity) -> tuple[float, float]:
    """Value and error; NaN where there is none."""
    leaf = quantity.leaf()
    return tuple(math.nan if leaf[key] is None else float(leaf[key]) for key in ("value", "error"))  # type: ignore[return-value]


def curves_as_dataframe(result: Result) -> pandas.DataFrame:
    """See `Result.to_dataframe`."""
    require_packages(("pandas",), TABLES, "a data frame")
    import pandas

    steps, curves = curves_of(result)
    frame = pandas.DataFrame({name: values for name, (values, _) in curves.items()}, pandas.Index(steps, name="step"))
    frame.attrs = {"units": {name: unit for name, (_, unit) in curves.items()}}
    return frame


def curves_as_xarray(result: Result) -> xarray.Dataset:
    """See `Result.to_xarray`."""
    require_packages(("xarray",), TABLES, "a data set of xarray")
    import xarray

    steps, curves = curves_of(result)
    data = {name: ("step", values, {"units": unit}) for name, (values, unit) in curves.items()}
    return xarray.Dataset(data, {"step": steps}, {"group": storable(result.group)})


def curves_of(result: Result) -> tuple[NDArray[np.int64], dict[str, tuple[NDArray[Any], str]]]:
    """The steps of a result and its curves over them; NaN at the first step where a curve has a value for each interval
    between frames, which belongs to its end."""
    steps = np.asarray(getattr(result, "steps", np.empty(0, np.int64)))
    whole = {}
    for name, (values, unit) in result.series().items():
        array = np.asarray(values)
        if len(array) == len(steps) - 1:
            array = np.concatenate([[math.nan], array])
        whole[name] = (array, unit)
    return steps, whole

"""Settings in the environment, checked before a command starts."""

from __future__ import annotations

import os

from gasfield.errors import InputError

_THREADS, _LAYER = "NUMBA_NUM_THREADS", "NUMBA_THREADING_LAYER"


def check_environment() -> None:
    """Checks the variables from which Numba takes its threads. Numba is imported only if a layer is set.

    Raises:
        InputError: if Numba would not start with them.
    """
    threads = os.environ.get(_THREADS, "1")
    if not threads.isdecimal() or int(threads) < 1:
        raise InputError("must be a whole number of at least 1.", parameter=_THREADS, value=threads)
    layer = os.environ.get(_LAYER)
    if layer is not None:
        from numba.np.ufunc import parallel

        try:
            parallel._launch_threads()  # type: ignore[no-untyped-call]
        except ValueError:
            message = "is a threading layer that Numba does not have here; leave the variable unset."
            raise InputError(message, parameter=_LAYER, value=layer) from None

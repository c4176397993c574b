"""The path of October 10, 2025, by asset class."""

from collections.abc import Sequence

import numpy as np

from adl_jax.result import InputError
from adl_jax.scenario.calibration import group, value
from adl_jax.scenario.returns import PathReturns


CLASSES = ("btc", "eth", "large", "small", "tail")


def october10_returns(classes: Sequence[str], *, noise: float = 0.0) -> PathReturns:
    """Falls of each asset class on October 10, 2025, in the 16 rounds of deleveraging.

    BTC -14 %, ETH -18 %, large alts -35 %, small ones -60 %, the tail -80 %. How the
    fall is spread over the rounds is not public: each round has the share of the log
    fall that it had of all closes, 36 % of them in the first.

    **Arguments:** `classes`: of each market, `"btc"`, `"eth"`, `"large"`, `"small"` or
    `"tail"`; `noise`: of `PathReturns`.

    **Raises:** `InputError` naming the class that is not one.
    """
    for name in classes:
        if name not in CLASSES:
            raise InputError(
                f"october10_returns: no asset class {name!r}; there are: "
                f"{', '.join(CLASSES)}"
            )
    closes = np.array(list(group("october10.closes").values()))
    fall = np.array([value(f"october10.{name}") for name in classes])
    return PathReturns(np.outer(closes / closes.sum(), np.log1p(fall)), noise)

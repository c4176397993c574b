"""Winners: the sizes of the accounts that were deleveraged on October 10, 2025."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from adl_jax._sums import product
from adl_jax._types import Key, as_dtype, as_float
from adl_jax.result import InputError
from adl_jax.scenario.calibration import value
from adl_jax.scenario.splice import Splice, fitted


_ORDER = ("events", "equity", "notional", "profit")


def fitted_correlation() -> Float[np.ndarray, "4 4"]:
    """Of the normal scores of number of positions, equity, notional and profit."""
    correlation = np.eye(4)
    for row, first in enumerate(_ORDER):
        for column, second in enumerate(_ORDER[row + 1 :], row + 1):
            fact = value(f"copula.{first}.{second}")
            correlation[row, column] = correlation[column, row] = fact
    return correlation


class Winners(eqx.Module):
    """Equity, notional and profit of accounts, tied by a Gaussian copula.

    The copula has a fourth score, that of an account's number of positions. It is given,
    and the others are drawn conditionally on it. Profit over notional and leverage are
    ratios of what is drawn, so that nothing contradicts itself; how well they fit is in
    the calibration table.

    **Arguments:**

    - `equity`, `notional`, `profit`: `Splice`s. Equity is what an account posted,
        without unrealised profit, as in the data.
    - `correlation`: shape `(4, 4)`, of normal scores: number of positions, equity,
        notional, profit.
    """

    equity: Splice = eqx.field(default_factory=lambda: fitted("equity"))
    notional: Splice = eqx.field(default_factory=lambda: fitted("notional"))
    profit: Splice = eqx.field(default_factory=lambda: fitted("profit"))
    correlation: Float[Array, "4 4"] = eqx.field(
        default_factory=fitted_correlation, converter=as_float
    )

    def __check_init__(self):
        """Refuses a matrix that is no correlation."""
        if isinstance(self.correlation, Tracer):
            return
        matrix = np.asarray(self.correlation, float)
        if not (np.allclose(matrix, matrix.T) and np.allclose(matrix.diagonal(), 1)):
            raise InputError(
                "Winners.correlation is not symmetric with a diagonal of ones"
            )
        least = np.linalg.eigvalsh(matrix)[0]
        if least <= 0:
            raise InputError(
                f"Winners.correlation has the eigenvalue {least:.3g}: no normal scores "
                "correlate like that"
            )

    def sample(
        self, key: Key, score: Float[Array, " winners"]
    ) -> Float[Array, "3 winners"]:
        """Equity, notional and profit, USD, in the dtype of `score`.

        **Arguments:** `score`: normal scores of the numbers of positions.
        """
        parts = as_dtype(self, score.dtype)
        root = jnp.linalg.cholesky(parts.correlation)[1:]
        noise = jax.random.normal(key, (3, score.shape[0]), score.dtype)
        equity, notional, profit = root[:, :1] * score[None] + product(
            root[:, 1:], noise
        )
        return jnp.stack(
            [
                parts.equity.of_score(equity),
                parts.notional.of_score(notional),
                parts.profit.of_score(profit),
            ]
        )

"""The layers before ADL: a backstop vault and an insurance fund."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from adl_jax._types import PerMarket, Scalar, as_float, check_range
from adl_jax.result import InputError


class Fund(eqx.Module):
    """An insurance fund, one for the venue or one for each market.

    **Arguments:** shape `()`, or `(markets,)` for a fund of each market.

    - `balance`: USD, >= 0.
    - `floor`: share of its highest balance that it keeps, in [0, 1]; ADL covers what is
        beyond. 0 pays until the fund is empty; 0.7 is a trigger at a 30 % drawdown.
    - `most`: shape `()`, USD that it pays in a round at most; no limit if not given.
    - `inflow`: shape `()`, USD a round from trading fees, paid by the venue's revenue.
    """

    balance: Scalar | PerMarket = eqx.field(default=0.0, converter=as_float)
    floor: Scalar = eqx.field(default=0.0, converter=as_float)
    most: Scalar | None = eqx.field(
        default=None, converter=lambda value: None if value is None else as_float(value)
    )
    inflow: Scalar = eqx.field(default=0.0, converter=as_float)

    def __check_init__(self):
        """Refuses a fund that owes money."""
        check_range("Fund.balance", self.balance, 0)
        check_range("Fund.floor", self.floor, 0, 1)
        check_range("Fund.most", self.most, 0)
        check_range("Fund.inflow", self.inflow, 0)


class Vault(eqx.Module):
    """A backstop that takes accounts over, positions and what is left of the margin.

    It takes accounts that still have equity and that the order book did not close, in
    equal shares, while the notional it holds stays below `leverage` times its equity.

    **Arguments:** shape `()`.

    - `cash`: USD, >= 0.
    - `leverage`: notional over equity up to which it takes positions, >= 0.
    - `below`: it takes accounts with less than this share of their maintenance margin.
        Hyperliquid's takes them below two thirds.
    """

    cash: Scalar = eqx.field(default=0.0, converter=as_float)
    leverage: Scalar = eqx.field(default=1.0, converter=as_float)
    below: Scalar = eqx.field(default=1.0, converter=as_float)

    def __check_init__(self):
        """Refuses a vault that owes money."""
        if self.cash.ndim:
            raise InputError(
                f"Vault.cash has shape {self.cash.shape}: a venue has one vault"
            )
        check_range("Vault.cash", self.cash, 0)
        check_range("Vault.leverage", self.leverage, 0)
        check_range("Vault.below", self.below, 0, 1)


def fund_capacity(fund: Fund, balance: Any, highest: Any) -> Any:
    """What a fund can pay now: down to its floor, and no more than it ever pays.

    ADL covers what is beyond. Losing exactly the share above the floor triggers nothing,
    which settles whether a threshold is "at" or "below": the amount is 0 either way.

    **Arguments:** `balance` and `highest`: USD that the fund has, and the most it ever
    had; shape `()`, or `(markets,)` for a fund of each market.

    **Returns:** USD, >= 0, in the shape of `balance`.
    """
    above = jnp.maximum(balance - fund.floor * highest, 0)
    return above if fund.most is None else jnp.minimum(above, fund.most)


def fund_after(
    balance: Any, deficit: Any, *, liquidation_fees: Any = 0.0, inflow: Any = 0.0
) -> tuple[Any, Any]:
    """Fund and residual deficit after a period, C-(15) and C-(16).

    IF' = IF + inflows - min(IF, D) and R = (D - IF)+: what flows in during the period
    does not pay for it.

    **Arguments:** USD; `liquidation_fees` and `inflow` are the fund's part of them.

    **Returns:** the fund and the residual, USD.
    """
    paid = jnp.minimum(balance, deficit)
    return balance + liquidation_fees + inflow - paid, deficit - paid


def fund_size(
    deficit_quantile: Any, cost: Scalar | float, penalty: Scalar | float
) -> Any:
    r"""Fund size that minimises $rK+\kappa\,E(D-K)_+$: VaR at 1 - r/kappa, C-2.3.

    **Arguments:** `deficit_quantile`: the quantile function of the deficit, of a level in
    [0, 1); `cost`: r, USD a USD held; `penalty`: kappa, USD a USD of residual deficit.

    **Returns:** USD; 0 where holding money costs as much as lacking it.
    """
    for name, value in {"cost": cost, "penalty": penalty}.items():
        if not isinstance(value, Tracer) and not np.asarray(value) > 0:
            raise InputError(f"fund_size: {name} is {value}; give a number above 0")
    level = jnp.clip(1 - jnp.asarray(cost) / jnp.asarray(penalty), 0, 1)
    return jnp.where(level > 0, deficit_quantile(level), 0.0)

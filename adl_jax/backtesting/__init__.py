"""Every policy judged on a past event."""

from adl_jax.backtesting.backtest import Backtest as Backtest, backtest as backtest
from adl_jax.backtesting.entries import (
    Entry as Entry,
    Origin as Origin,
    Role as Role,
    entries as entries,
    semi_synthetic_entries as semi_synthetic_entries,
)
from adl_jax.backtesting.permutation import (
    ORDERS as ORDERS,
    OrderDistribution as OrderDistribution,
    order_distribution as order_distribution,
    random_orders as random_orders,
    tracking_by_order as tracking_by_order,
)
from adl_jax.backtesting.score import (
    ACCOUNT_DIAGNOSTICS as ACCOUNT_DIAGNOSTICS,
    WEIGHTS as WEIGHTS,
    Score as Score,
)
from adl_jax.fingerprint import fingerprint as fingerprint

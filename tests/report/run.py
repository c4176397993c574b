"""What the tests here run: a book under hostile names, and its configuration."""

import numpy as np

from adl_jax.io import Snapshot
from tests.io.books import HOSTILE


NAMES = (
    *HOSTILE,
    "a;=cmd|' /C calc'!A0",
    "\uff1d1+1",
    "\n=2",
    r"$\frac{1}{0}$ \input{x}",
    "\U0001f4a5 boom",
    "\x9b31m and \x7f",
    "{{ 7 * 7 }} {% raw %}",
    "</title><img src=x onerror=alert(1)>",
    "long " * 20_000,
)
MARKETS = ("=cmd|' /C calc'!A0;\u202e[bold]", "<b>$x^2$</b>\x1b[31m")
ACCOUNTS, SCENARIOS = 60, 160
FOLDER = "run [red]<i>$x_"
"""A folder's name may hold much, but no path."""

CONFIGURATION = """
seed = 3
dtype = "float64"
rounds = 6
scenarios = {scenarios}

[book]
folder = '{folder}'

# Policies of one structure share a program, which is compiled once.
[[policies]]
name = "all"
severity = "fixed"
severity_parameters = {{ severity = 1.0 }}

[[policies]]
name = "half"
severity = "fixed"
severity_parameters = {{ severity = 0.5 }}
"""


def book() -> Snapshot:
    """Every second account is long with borrowed money, the next one is short of it."""
    draw = np.random.default_rng(0)
    pairs = ACCOUNTS // 2
    size = np.repeat(draw.lognormal(0, 1, pairs), 2) * np.tile([1.0, -1.0], pairs)
    mark = np.array([100.0, 20.0])
    market = np.repeat(np.arange(pairs) % 2, 2)
    entry = mark[market] * (1 + 0.01 * draw.normal(size=ACCOUNTS))
    # One long in each market owes more than it has.
    entry[[0, 2]] *= 1.4
    leverage = np.where(size > 0, draw.uniform(5, 15, ACCOUNTS), 2.0)
    return Snapshot(
        accounts=(*(f"account {i}" for i in range(ACCOUNTS - len(NAMES))), *NAMES),
        collateral=abs(size) * mark[market] / leverage,
        account_of=np.arange(ACCOUNTS),
        market_of=market,
        size=size,
        entry_price=entry,
        markets=MARKETS,
        mark=mark,
        max_leverage=np.array([20.0, 20.0]),
        depth_usd=np.array([100.0, 50.0]),
        margin_rate=np.array([[0.025], [0.025]]),
        margin_floor=np.zeros((2, 1)),
        fund=np.asarray(20.0),
    )

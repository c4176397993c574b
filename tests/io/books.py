"""Books to read: frames of every table, changed and broken as a test needs."""

import numpy as np
import pandas as pd

from adl_jax.io import example, to_tables


# What a name can do to a terminal, a page, a spreadsheet or a path.
HOSTILE = (
    "<script>alert(1)</script>",
    '=HYPERLINK("http://example.org","x")',
    "+1+1",
    "-2",
    "@sum",
    "'quoted",
    "'=already",
    "../../etc/passwd",
    "C:\\windows\\x",
    "\x1b[31mred\x1b[0m",
    "\u202egnp.exe",
    "[bold]markup[/bold][link=x]",
    'line\nbreak,comma\r\nand "quotes"',
    "tab\there",
    "nul\x00",
    " spaces ",
    "long" * 5_000,
    "日本語",
    "\ttab first",
    "\rreturn first",
)


def tables(**changes):
    """Frames of the example's tables, some of them changed."""
    return {
        name: pd.DataFrame(columns) for name, columns in to_tables(example()).items()
    } | changes


def large(accounts=20_000, markets=12, seed=0):
    """A balanced book: every long has a short of the same size somewhere."""
    draw = np.random.default_rng(seed)
    names = np.array([f"user-{number:05d}" for number in range(accounts)])
    coins = np.array([f"COIN{number}" for number in range(markets)])
    mark = draw.lognormal(3, 2, markets).round(4)
    # Account i is in market i modulo the markets, long if its number is even in there.
    market = np.arange(accounts) % markets
    pair = np.arange(accounts) // markets // 2
    sizes = draw.lognormal(1, 1.5, (pair.max() + 1, markets)).round(3) + 0.001
    long = np.arange(accounts) // markets % 2 == 0
    size = np.where(long, 1, -1) * sizes[pair, market]
    last = pair == pair.max()
    size[last & (np.bincount(market[last], minlength=markets)[market] % 2 == 1)] = 0
    some = size != 0
    return {
        "accounts": pd.DataFrame(
            {
                "account": names,
                "collateral_usd": draw.lognormal(9, 1, accounts).round(2),
            }
        ),
        "positions": pd.DataFrame(
            {
                "account": names[some],
                "market": coins[market[some]],
                "size": size[some],
                "entry_price_usd": (mark[market] * draw.lognormal(0, 0.05, accounts))[
                    some
                ].round(6),
            }
        ),
        "markets": pd.DataFrame(
            {"market": coins, "mark_usd": mark, "max_leverage": 20.0}
        ),
        "margin_tiers": pd.DataFrame(
            {"market": coins, "floor_usd": 0.0, "maintenance_rate": 0.025}
        ),
        "depth": pd.DataFrame({"market": coins, "depth_usd": 1e6}),
        "fund": pd.DataFrame({"balance_usd": [50_000.0]}),
    }


def write_csv(frames, folder):
    """As a spreadsheet would export them."""
    folder.mkdir(exist_ok=True)
    for name, frame in frames.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    return folder

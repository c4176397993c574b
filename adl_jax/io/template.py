"""An example of a book, and a folder of it for a new user to fill."""

import json
from pathlib import Path

import pandas as pd

from adl_jax.inert import shown
from adl_jax.io.read import book_from_tables
from adl_jax.io.schema import TABLES
from adl_jax.io.snapshot import Snapshot
from adl_jax.io.write import write_book
from adl_jax.result import InputError
from adl_jax.tables import written_whole


_COLUMNS = {
    "accounts": {
        "account": [
            *("anna", "bakery-hedge", "blue-fund", "market-maker", "trader-17"),
            "whale",
        ],
        "collateral_usd": [30_000.0, 4_200.0, 60_000.0, 500_000.0, 25_000.0, 90_000.0],
    },
    "positions": {
        "account": [
            *("anna", "bakery-hedge", "blue-fund", "blue-fund", "market-maker"),
            *("market-maker", "trader-17", "whale", "whale"),
        ],
        "market": [
            *("ETH", "ETH", "BTC", "ETH", "BTC", "ETH", "BTC", "BTC", "ETH"),
        ],
        "size": [100.0, 10.0, -0.7, -60.0, 0.2, -60.0, 2.0, -1.5, 10.0],
        "entry_price_usd": [
            *(4_400.0, 4_380.0, 112_000.0, 4_300.0, 100_500.0),
            *(4_100.0, 115_000.0, 118_000.0, 3_900.0),
        ],
    },
    "markets": {
        "market": ["BTC", "ETH"],
        "mark_usd": [100_000.0, 4_000.0],
        "max_leverage": [40.0, 25.0],
        "lot": [0.001, 0.01],
        "beta": [1.0, 1.3],
    },
    "margin_tiers": {
        "market": ["BTC", "BTC", "ETH"],
        "floor_usd": [0.0, 5_000_000.0, 0.0],
        "maintenance_rate": [0.0125, 0.025, 0.02],
    },
    "depth": {"market": ["BTC", "ETH"], "depth_usd": [150_000.0, 60_000.0]},
    "fund": {"balance_usd": [6_000.0]},
}

_README = """\
The book of a venue at one moment, as adl-jax reads it: a file a table. Replace the
example rows by your own, keep the first row of each file, then run

    adl-jax check {folder}

which tells everything that is wrong, by file, row and column. Numbers are plain: 1234.56,
no thousands separators, a point before decimals. Files are CSV in UTF-8, separated by
commas; each may be a Parquet file of the same name instead. Columns called optional may
be removed. Names may be any text. An account of isolated margin is one account for each
position, with the column owner saying whose they are. In every market longs and shorts
are equal, or give --unbalanced.

In this example a fall has left two longs without equity; the fund cannot pay all that
they owe, so that there is something to decide:

    adl-jax decide {folder} --policy pro_rata

What a further crash would do, as one page with charts:

    adl-jax simulate {folder}/crash.toml --out results
    adl-jax report results --open
"""

_CRASH = """\
# Simulated crashes of this book; docs/configuration.md has what else can be set.

scenarios = 1000

[book]
folder = {folder}  # as seen from where the command runs
"""


def example() -> Snapshot:
    """Six accounts after a fall: two longs are insolvent, and a fund that is too small."""
    tables = {name: pd.DataFrame(columns) for name, columns in _COLUMNS.items()}
    return book_from_tables(tables, source="example")


def write_template(folder: Path | str) -> list[Path]:
    """Writes an example book, a README that explains every column, and a configuration.

    **Raises:** `InputError` where the folder has one of the files already.
    """
    folder = Path(folder)
    texts = {
        "README.txt": _README.format(folder=folder) + _tables(),
        "crash.toml": _CRASH.format(folder=_quoted(str(folder))),
    }
    for name in texts:
        if (folder / name).exists():
            raise InputError(
                f"{shown(str(folder / name), 300)}: is there already; fix: choose "
                "another folder"
            )
    paths = write_book(example(), folder)
    for name, text in texts.items():
        with written_whole(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return [*(folder / name for name in texts), *paths]


def _quoted(text: str) -> str:
    """A string of TOML: that of JSON, but for one control character more."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _tables() -> str:
    lines = []
    for name, model in TABLES.items():
        about = model.__doc__ or ""
        lines += ["", f"{name}.csv: {about[:1].lower()}{about[1:]}"]
        for column, field in model.model_fields.items():
            may = "" if field.is_required() else " (optional)"
            lines.append(f"  {column:18}{field.description}{may}")
    return "\n".join(lines) + "\n"

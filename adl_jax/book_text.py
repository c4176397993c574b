"""A book, and a decision on it, as tables in a terminal."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from adl_jax.inert import shown
from adl_jax.io import Snapshot, Summary
from adl_jax.live import Line, LiveDecision


_MOST_ACCOUNTS = 10
_MOST_LINES = 50


def print_book(console: Console, snapshot: Snapshot, summary: Summary) -> None:
    """Prints what `summarise_book` says. Names are shown inert."""
    totals = summary.totals
    console.print(f"{snapshot!r}; nothing is wrong with the files.", highlight=False)
    lines = [
        ("collateral, USD", _usd(totals["collateral"])),
        ("equity, USD", _usd(totals["equity"])),
        ("maintenance margin, USD", _usd(totals["maintenance_margin"])),
        ("notional, USD", _usd(totals["notional"])),
        ("fund, USD", _usd(totals["fund"])),
        ("accounts under maintenance margin", f"{totals['accounts_under_margin']:,}"),
        ("accounts without equity", f"{totals['accounts_without_equity']:,}"),
        ("owed by them, USD", _usd(totals["owed"])),
        ("deficit after the fund, USD", _usd(totals["deficit"])),
        *(
            (name.replace("_", " "), _number(value))
            for name, value in summary.concentration.items()
        ),
        *(
            (f"leverage, {_quantile(level)}", f"{value:,.1f}")
            for level, value in summary.leverage.items()
        ),
    ]
    _print(console, _table("Totals", ("", ""), lines))
    columns = (
        "market",
        "mark",
        "long",
        "short",
        "long, USD",
        "short, USD",
        "positions",
    )
    rows = [
        (
            inert(row["market"]),
            f"{row['mark']:,.6g}",
            f"{row['long_contracts']:,.6g}",
            f"{row['short_contracts']:,.6g}",
            _usd(row["long_usd"]),
            _usd(row["short_usd"]),
            f"{row['positions']:,}",
        )
        for row in summary.markets
    ]
    _print(console, _table("Open interest", columns, rows))
    if summary.under_margin:
        columns = ("account", "equity, USD", "maintenance, USD", "notional, USD")
        rows = [
            (
                inert(row["account"]),
                *(_usd(row[n]) for n in ("equity", "maintenance_margin", "notional")),
            )
            for row in summary.under_margin[:_MOST_ACCOUNTS]
        ]
        title = (
            f"Under maintenance margin, {len(rows)} of {len(summary.under_margin):,}"
        )
        _print(console, _table(title, columns, rows))
    console.print("\nOdd:" if summary.odd else "\nNothing is odd.", highlight=False)
    for sentence in summary.odd:
        console.print(f"  {sentence}", markup=False, highlight=False)


def print_decision(console: Console, decision: LiveDecision) -> None:
    """Prints totals, who gives what and why, and the audit hash. Names are shown inert."""
    totals = decision.totals
    lines = [
        ("owed by accounts without equity, USD", _usd(totals["owed"])),
        ("the fund pays, USD", _usd(totals["fund_pays"])),
        ("deficit, USD", _usd(totals["deficit"])),
        ("winners can give, USD", _usd(totals["capacity"])),
        ("the policy asks for, USD", _usd(totals["budget"])),
        ("raised, USD", _usd(totals["raised"])),
        ("stays unpaid, USD", _usd(totals["unpaid"])),
        ("winners touched", f"{totals['touched']:,} of {totals['winners']:,}"),
    ]
    _print(console, _table("Decision", ("", ""), lines))
    if decision.status != "successful":
        console.print(f"Note: {decision.status}.", markup=False, highlight=False)
    if not totals["deficit"]:
        console.print("Nobody has to give anything: nothing is missing after the fund.")
    elif decision.lines and decision.lines[0].close is not None and totals["unpaid"]:
        console.print(
            "Note: only what accounts without equity hold is closed, at the prices at "
            "which they have lost all they had; what is missing beyond that stays unpaid."
        )
    shown_lines = decision.lines[:_MOST_LINES]
    if shown_lines:
        count = f"{len(shown_lines)} of {len(decision.lines):,}"
        _print(console, _closes(count, shown_lines))
    if len(shown_lines) < len(decision.lines):
        console.print("All of them: --out decision.csv", highlight=False)
    console.print(f"\naudit sha256 {decision.audit['sha256']}", highlight=False)


def _closes(count: str, lines: tuple[Line, ...]) -> Table:
    if lines[0].close is None:
        columns = ("account", "haircut, USD", "of its profit", "why")
        rows = [
            (
                inert(line.account),
                _usd(line.haircut_usd),
                _percent(line.share),
                line.reason,
            )
            for line in lines
        ]
        return _table(f"Haircuts, {count}", columns, rows)
    columns = ("account", "market", "close", "of", "at", "costs it, USD", "why")
    rows = [
        (
            inert(line.account),
            inert(line.market or ""),
            f"{line.close:,.12g}",
            f"{line.position:,.12g}",
            f"{line.price:,.8g}",
            _usd(line.haircut_usd),
            line.reason,
        )
        for line in lines
    ]
    return _table(f"Contracts to close, {count}", columns, rows)


def inert(name: str) -> str:
    """A name for a table: no control characters, no markup, and not for ever."""
    return escape(shown(name, 40))


def _print(console: Console, table: Table) -> None:
    """Prints a table whole: a number cut short would be wrong, so that lines may wrap."""
    needed = Measurement.get(console, console.options.update(max_width=1000), table)
    width = console.width
    console.width = max(width, needed.minimum)
    console.print(table)
    console.width = width


def _table(
    title: str, columns: Iterable[str], rows: Sequence[tuple[str, ...]]
) -> Table:
    table = Table(
        title=f"\n{title}", title_justify="left", title_style="bold", box=None
    )
    for place, column in enumerate(columns):
        if column == "why":
            table.add_column(column, min_width=24)
            continue
        longest = max((len(row[place]) for row in rows), default=0)
        table.add_column(
            column,
            justify="left" if not place or column == "market" else "right",
            min_width=max(longest, len(column)),
            no_wrap=True,
        )
    table.show_header = any(columns)
    for row in rows:
        table.add_row(*row)
    return table


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.2%}"


def _usd(value: float) -> str:
    return f"{round(value, 2) + 0.0:,.2f}"


def _number(value: float) -> str:
    return f"{value:.4f}"


def _quantile(level: float) -> str:
    return {0.0: "least", 0.5: "median", 1.0: "most"}.get(level, f"{100 * level:g} %")

"""What scenarios that were run again show: who pays, the fund, the rounds of a crash."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from adl_jax.inert import shown
from adl_jax.report.chart import (
    Axis,
    Bars,
    Cell,
    Chart,
    Line,
    Panel,
    Table,
    money,
    number,
    share,
    text,
)
from adl_jax.report.from_rows import intervals
from adl_jax.report.run_again import Example
from adl_jax.report.section import Picked, Run, Section, named
from adl_jax.statistics import mean


_GROUPS = 10
_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
_MOST_ACCOUNTS = 20
_SHARES = np.linspace(0, 1, 51)
Examples = Mapping[str, Example]


def drawdown(run: Run, example: Example) -> Section:
    """The insurance fund round by round: a fan over scenarios."""
    fund, count = example.fund, len(example.fund)
    rounds = np.arange(1, fund.shape[1] + 1)
    low, quarter, middle, upper, high = np.quantile(fund, _LEVELS, axis=0)
    colour = run.colour(run.lead)
    ends = np.array([values[-1] for values in (low, middle, high)])
    chart = Chart(
        "fund",
        "The fund through the crash",
        f"After the last round the fund holds {money(ends[1])} USD in the median crash, "
        f"and {money(ends[0])} to {money(ends[2])} USD in nine crashes of ten.",
        Axis("end of round"),
        (
            Panel(
                Axis("USD in the fund", "usd"),
                (
                    Line(
                        "nine crashes of ten",
                        rounds,
                        middle,
                        low,
                        high,
                        colour,
                        shade=True,
                    ),
                    Line(
                        "half of the crashes",
                        rounds,
                        middle,
                        quarter,
                        upper,
                        colour,
                        shade=True,
                    ),
                    Line("median", rounds, middle, colour=colour),
                ),
            ),
        ),
    )
    says = (f"{count} crashes, run again under {named(run.lead)}.",)
    return Section("fund", "Fund drawdown", says, charts=(chart,))


def haircuts(run: Run, examples: Examples) -> Section:
    """The share of their profit that winners lose, by equity and by leverage."""
    panels, said = [], []
    for field in ("equity", "leverage"):
        bars = []
        for policy, example in examples.items():
            winner = example.profit > 0
            values = getattr(example, field)[winner]
            profit, paid = example.profit[winner], example.paid[winner]
            if not paid.sum() > 0:
                continue
            edges = np.quantile(values, np.linspace(0, 1, _GROUPS + 1)[1:-1])
            group = np.searchsorted(edges, values, side="right")
            add = lambda amounts, group=group: np.bincount(group, amounts, _GROUPS)
            lost = add(paid) / np.maximum(add(profit), np.finfo(float).tiny)
            labels = tuple(range(1, _GROUPS + 1))
            bars.append(Bars(policy, labels, lost, colour=run.colour(policy)))
            if policy == run.lead:
                said.append(
                    f"by {field} from {share(lost[0])} in the lowest to "
                    f"{share(lost[-1])} in the highest"
                )
        panels.append(Panel(Axis(f"by {field}", "share"), tuple(bars)))
    if not panels[0].series:
        return Section("haircuts", "Haircuts", missing=_NOBODY)
    chart = Chart(
        "haircuts",
        "Share of their profit that winners lose, by tenth of the winners",
        f"Under {named(run.lead)} {', and '.join(said) or 'nobody pays'}.",
        Axis("tenth of the winners, lowest first"),
        tuple(panels),
    )
    says = (
        "A winner is an account whose positions have a profit at the marks of some round; "
        "its profit is the largest of these. All winners of all crashes that were run "
        "again, before the crash ordered by equity and by leverage (notional over equity).",
    )
    return Section("haircuts", "Haircuts", says, charts=(chart,))


_NOBODY = "No winner pays in the crashes that were run again."


def concentration(run: Run, examples: Examples) -> Section:
    """Lorenz curves: which share of what is paid the least-paying winners pay."""
    lines, said = [], []
    for policy, example in examples.items():
        curves, top = [], []
        for paid, profit in zip(example.paid, example.profit, strict=True):
            amounts = np.sort(paid[(profit > 0) | (paid > 0)])
            if amounts.sum() > 0:
                sums = np.concatenate([[0], np.cumsum(amounts)]) / amounts.sum()
                curves.append(np.interp(_SHARES, np.linspace(0, 1, len(sums)), sums))
                most = max(len(amounts) // 100, 1)
                top.append(amounts[-most:].sum() / amounts.sum())
        if curves:
            y = np.mean(curves, axis=0)
            lines.append(Line(policy, _SHARES, y, colour=run.colour(policy)))
            said.append(f"{share(float(np.mean(top)))} under {named(policy)}")
    if not lines:
        return Section("lorenz", "Who pays", missing=_NOBODY)
    lines.append(Line("all pay the same", _SHARES, _SHARES, reference=True))
    chart = Chart(
        "lorenz",
        "How what is paid is spread over winners",
        f"The 1 % of winners that pay most pay {', '.join(said)}.",
        Axis("share of the winners, who pays least first", "share"),
        (Panel(Axis("share of what is paid", "share"), tuple(lines)),),
    )
    says = (
        "Lorenz curves, the mean over crashes in which winners pay. The nearer to the "
        "corner, the fewer accounts carry it.",
    )
    return Section("lorenz", "Who pays", says, charts=(chart,))


def reliability(run: Run, example: Example) -> Section:
    """What was needed beside what the venue expected in the same round."""
    name, title = "reliability", "How good the venue's indicator is"
    rounds = (example.deficit > 0) & (example.expected > 0)
    expected, needed = (
        np.asarray(values)[rounds] for values in (example.expected, example.needed)
    )
    if len(expected) < 2 * _GROUPS:
        few = (
            f"{len(expected)} rounds of the crashes that were run again have a deficit "
            f"and an estimate; {2 * _GROUPS} are needed."
        )
        return Section(name, title, missing=few)
    parts = np.array_split(np.argsort(expected, kind="stable"), _GROUPS)
    x = np.array([expected[part].mean() for part in parts])
    y, low, high = intervals([mean(needed[part]) for part in parts])
    seen = y > 0
    ends = np.maximum(low[seen], y[seen] / 100), high[seen]
    colour = run.colour(run.lead)
    lines = (
        Line("needed, mean", x[seen], y[seen], *ends, colour=colour, marks=True),
        Line("as expected", x, x, reference=True),
    )
    ratio = needed.sum() / expected.sum()
    none = float(np.mean(needed == 0))
    chart = Chart(
        name,
        "Needed against expected, by tenth of the rounds",
        f"Over all rounds {ratio:.2f} USD are needed for a USD expected; nothing is "
        f"needed in {share(none)} of the rounds.",
        Axis("USD expected (20)", "usd", log=True),
        (Panel(Axis("USD needed (6)", "usd", log=True), lines),),
    )
    says = (
        f"{len(expected):,} rounds with a deficit under {named(run.lead)}. The venue "
        "expects a need from its own estimate of impact; a point below the line is a tenth "
        "in which less was needed. Shaded: 95 % intervals that take rounds as "
        "independent.",
    )
    return Section(name, title, says, charts=(chart,))


def timeline(
    run: Run,
    examples: Examples,
    places: Sequence[int],
    labels: Sequence[str],
    first: int,
) -> Section:
    """One crash round by round: price, liquidations, ADL, debts.

    **Arguments:** `places`: where in the examples the scenarios are, with a label each;
    `first`: the one of these that a reader sees first.
    """
    charts = tuple(
        tuple(
            _rounds(policy, example, place, label, run.colour(policy))
            for policy, example in examples.items()
        )
        for place, label in zip(places, labels, strict=True)
    )
    policies = tuple(examples)
    picked = Picked(tuple(labels), policies, charts, first, policies.index(run.lead))
    says = (
        f"Scenarios at quantiles of what is needed under {named(run.lead)}, run again from "
        "the seed and their number.",
    )
    return Section("timeline", "One crash, round by round", says, picked=picked)


def _rounds(
    policy: str, example: Example, place: int, label: str, colour: int
) -> Chart:
    of = lambda field: getattr(example, field)[place]
    rounds = np.arange(1, len(of("price")) + 1)
    labels = tuple(rounds.tolist())
    line = lambda name, field, colour: Line(name, rounds, of(field), colour=colour)
    bars = lambda name, field: Bars(name, labels, of(field), colour=colour)
    says = (
        f"{label}, {named(policy)}: the book's price ends at {share(of('price')[-1])} of "
        f"its start; winners pay {money(of('executed').sum())} USD, and "
        f"{money(of('unpaid')[-1])} USD stay unpaid."
    )
    panels = (
        Panel(Axis("price", "share"), (line("price", "price", colour),)),
        Panel(Axis("liquidated"), (bars("accounts liquidated", "liquidated"),)),
        Panel(Axis("ADL, USD", "usd"), (bars("winners pay", "executed"),)),
        Panel(
            Axis("USD", "usd"),
            (
                line("deficit", "deficit", 0),
                line("unpaid so far", "unpaid", 3),
                line("fund", "fund", 2),
            ),
        ),
    )
    title = f"{label}, {shown(policy)}, round by round"
    return Chart("timeline", title, says, Axis("round"), panels)


def payers(
    run: Run,
    example: Example,
    accounts: Sequence[str] | None,
    markets: Sequence[str],
    scenario: int,
    label: str,
) -> Section:
    """The accounts that pay most.

    **Arguments:** `accounts`: names where every scenario has the same book: means over
    scenarios are shown; else those of the `scenario` called `label`.
    """
    if accounts is None:
        chosen = slice(scenario, scenario + 1)
        where = f"in crash {label}; accounts are drawn, and numbered"
    else:
        chosen = slice(None)
        where = f"on average over {len(example.paid)} crashes"
    average = lambda field: getattr(example, field)[chosen].mean(axis=0)
    paid, profit = average("paid"), average("profit")
    most = np.argsort(-paid, kind="stable")[:_MOST_ACCOUNTS]
    order = most[paid[most] > 0].tolist()
    if not order:
        return Section("payers", "Accounts that pay most", missing=_NOBODY)
    first = lambda field: getattr(example, field)[chosen][0]
    market, size = first("market"), first("size")
    rows = tuple(
        (
            _account(place, accounts),
            text(_position(market[place].item(), size[place].item(), markets)),
            _usd(first("equity")[place]),
            Cell(f"{first('leverage')[place]:.1f}", float(first("leverage")[place])),
            _usd(profit[place]),
            _usd(paid[place]),
            number(
                paid[place] / profit[place] if profit[place] > 0 else np.nan, *_NONE
            ),
        )
        for place in order
    )
    headings = (
        *("account", "largest position", "equity before", "leverage before"),
        *("profit", "paid", "share of profit"),
    )
    total = share(float(paid[order].sum() / paid.sum()))
    table = Table("payers", f"USD under {named(run.lead)}, {where}", headings, rows)
    says = (f"These accounts pay {total} of all that is paid.",)
    return Section("payers", "Accounts that pay most", says, tables=(table,))


_NONE = (np.nan, np.nan, "share")


def _account(place: int, accounts: Sequence[str] | None) -> Cell:
    return (
        Cell(f"no. {place}", float(place))
        if accounts is None
        else text(accounts[place])
    )


def _position(market: int, size: float, markets: Sequence[str]) -> str:
    if size == 0:
        return "none"
    name = markets[market] if markets else f"market {market}"
    return f"{'long' if size > 0 else 'short'} {name}"


def _usd(value: Float[np.ndarray, ""] | float) -> Cell:
    return Cell(money(float(value)), float(value))

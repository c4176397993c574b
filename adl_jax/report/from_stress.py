"""What changed shocks, depths and funds do to a few scenarios of a run."""

import numpy as np
from jaxtyping import Bool

from adl_jax.monte_carlo import SmallestShocks
from adl_jax.monte_carlo.smallest_shocks import EVENTS
from adl_jax.report.chart import (
    Axis,
    Chart,
    Heat,
    Line,
    Panel,
    Table,
    money,
    number,
    share,
    text,
)
from adl_jax.report.from_rows import intervals
from adl_jax.report.section import Run, Section, named
from adl_jax.report.what_if import DEPTHS, SCALES, Stressed
from adl_jax.statistics import probability


_PROBABILITY = 0.5


def shock_and_depth(run: Run, stressed: Stressed) -> Section:
    """Heat maps of the probability of ADL and of unpaid debt."""
    scales = tuple(f"{scale:g}x" for scale in SCALES)
    depths = tuple(f"{depth:g}x" for depth in DEPTHS)
    adl = (stressed.touched > 0).mean(axis=-1)
    unpaid = stressed.unpaid.mean(axis=-1)
    own = DEPTHS.index(1.0), SCALES.index(1.0)
    x, y = Axis("the shock, times its own"), "depth, times its own"
    heat = lambda values, name: (Heat(name, scales, depths, values),)
    charts = (
        Chart(
            "shock_depth_adl",
            "P(ADL) by shock and depth",
            f"{share(float(adl[own]))} as they are; {share(float(adl[0, -1]))} with the "
            "largest shock and the thinnest books.",
            x,
            (Panel(Axis(y, "share"), heat(adl, "P(ADL)")),),
        ),
        Chart(
            "shock_depth_unpaid",
            "Unpaid USD by shock and depth",
            f"{money(float(unpaid[own]))} USD a crash as they are; "
            f"{money(float(unpaid[0, -1]))} USD with the largest shock and the thinnest "
            "books.",
            x,
            (Panel(Axis(y, "usd"), heat(unpaid, "unpaid, USD")),),
        ),
    )
    says = (
        f"{stressed.touched.shape[-1]} crashes in each cell, the same in all, under "
        f"{named(run.lead)}. A shock times s has every log return times s; a book times d "
        "takes d times as much, and its price moves by 1/d for the same amount.",
    )
    return Section("shock_depth", "Shock and depth", says, charts=charts)


def fund_sizes(run: Run, stressed: Stressed) -> Section:
    """How likely ADL is with another fund."""
    estimates = _probabilities(stressed.by_fund > 0)
    colour = run.colour(run.lead)
    line = Line(run.lead, stressed.funds, *estimates, colour=colour, marks=True)
    value = estimates[0]
    chart = Chart(
        "fund_size",
        "P(ADL) by size of the insurance fund",
        f"From {share(float(value[0]))} with {money(float(stressed.funds[0]))} USD to "
        f"{share(float(value[-1]))} with {money(float(stressed.funds[-1]))} USD.",
        Axis("USD in the fund before the crash", "usd"),
        (Panel(Axis("P(ADL)", "share"), (line,)),),
    )
    says = (
        f"{stressed.by_fund.shape[-1]} crashes under {named(run.lead)}, the same for every "
        "fund. Shaded: 95 % intervals of each size for itself; the differences between "
        "sizes are known better than these.",
    )
    return Section("fund_size", "Fund size", says, charts=(chart,))


def _probabilities(
    happened: Bool[np.ndarray, "funds scenarios"],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return intervals([probability(row) for row in happened])


def frontier(run: Run, found: SmallestShocks) -> Section:
    """The smallest shock that does harm, by fund size."""
    frame = found.to_pandas(_PROBABILITY)
    lines, rows = [], []
    for place, event in enumerate(found.events):
        part = frame[frame["event"] == event]
        known = part[np.isfinite(part["scale"])]
        for row in part.to_dict("records"):
            ends = row["scale_low"], row["scale_high"]
            cells = [text(EVENTS[event]), number(row["fund_usd"], *_NONE, "usd")]
            cells.append(number(row["scale"], *ends, "number"))
            cells.append(number(row["fall"], *_NONE, "share"))
            cells.append(number(row["never"], *_NONE, "share"))
            rows.append(tuple(cells))
        if len(known):
            x, y, low, high = (
                known[name].to_numpy()
                for name in ("fund_usd", "scale", "scale_low", "scale_high")
            )
            high = np.minimum(high, found.max_scale)
            name = EVENTS[event]
            lines.append(Line(name, x, y, low, high, colour=place, marks=True))
    headings = ("event", "fund, USD", "shock, times its own", "fall", "never")
    table = Table("frontier", "Smallest shocks", headings, tuple(rows))
    says = (
        f"{len(found.deepest)} crashes under {named(run.lead)}: the shock, in multiples of "
        f"the crash's own, at which the event happens in {share(_PROBABILITY)} of them. "
        "'Fall' is how far the book's price then falls, the median over crashes; 'never' "
        f"the share of crashes in which no shock up to {found.max_scale:g} does it.",
    )
    name, title = "reverse_stress", "Reverse stress"
    if not lines:
        none = f"No shock up to {found.max_scale:g} times its own reaches an event."
        return Section(name, title, says, tables=(table,), missing=none)
    first = lines[0]
    chart = Chart(
        name,
        "The smallest shock that does harm",
        f"'{first.name}' needs {first.y[0]:.2f} times the crash's own shock with "
        f"{money(float(first.x[0]))} USD in the fund, {first.y[-1]:.2f} times with "
        f"{money(float(first.x[-1]))} USD.",
        Axis("USD in the fund before the crash", "usd"),
        (Panel(Axis("shock, times its own"), tuple(lines)),),
    )
    return Section(name, title, says, charts=(chart,), tables=(table,))


_NONE = (np.nan, np.nan)

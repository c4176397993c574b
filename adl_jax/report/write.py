"""From a run to files."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from adl_jax.monte_carlo import Results
from adl_jax.report.gather import Report, gather
from adl_jax.report.page import page
from adl_jax.report.printed import save
from adl_jax.tables import written_whole


class Written(NamedTuple):
    """Where a report is: the page, its figures, and how long the parts took."""

    page: Path
    figures: tuple[Path, ...]
    report: Report


def write_report(
    results: Results,
    out: Path,
    *,
    figures: Path | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> Written:
    """Writes a run's report as one HTML file, and its charts as PNG and PDF files.

    Every file is written whole or not at all. The page needs no network.

    **Arguments:**

    - `results`: of a folder or in memory.
    - `out`: the HTML file; `figures`: a folder for the charts, none if not given.
    - `report`: called with what is done next.

    **Returns:** a `Written`.

    **Raises:** `InputError` for a run of another format, or fewer than two scenarios.

    **Cost:** some seconds for the rows of 100,000 scenarios, and a compiled program for
    each policy and each of three kinds of stress.
    """
    gathered = gather(results, report)
    report("drawing")
    text = page(gathered)
    with written_whole(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    paths = []
    if figures is not None:
        for section in gathered.sections:
            charts = section.charts
            if section.picked is not None:
                charts = (*charts, section.picked.first)
            for chart in charts:
                paths += save(chart, figures)
    return Written(out, tuple(paths), gathered)

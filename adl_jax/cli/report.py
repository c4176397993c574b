"""`adl-jax report`: a run as one page."""

import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adl_jax.cli.shared import (
    fail,
    fail_writing,
    keep_programs,
    use_every_processor,
)


if TYPE_CHECKING:
    from adl_jax.report import Written


def report(
    run: Annotated[Path, typer.Argument(help="A folder of `simulate --out`.")],
    out: Annotated[
        Path | None, typer.Option(help="The HTML file; report.html in the folder.")
    ] = None,
    figures: Annotated[
        bool,
        typer.Option(
            help="Also write each chart as PNG and PDF, in `figures` beside the page."
        ),
    ] = True,
    open: Annotated[
        bool, typer.Option("--open", help="Show the page in a browser.")
    ] = False,
) -> None:
    """Write a run as one HTML page that needs no network, and its charts as files."""
    out = run / "report.html" if out is None else out
    if out.suffix != ".html":
        fail(f"{out}: fix: a name that ends in .html")
    import jax

    use_every_processor()
    keep_programs()
    from adl_jax.monte_carlo import read_results
    from adl_jax.result import InputError

    try:
        results = read_results(run)
        jax.config.update("jax_enable_x64", results.manifest.get("dtype") == "float64")
        written = written_report(results, out, figures)
    except InputError as error:
        fail(str(error))
    except OSError as error:
        fail_writing(error)
    print_written(written)
    if open:
        show(out)


def show(page: Path) -> None:
    """Opens a page in a browser, and says so where there is none."""
    if not webbrowser.open(page.resolve().as_uri()):
        print("No browser was found: open the file in one.")


def written_report(results, out: Path, figures: bool) -> "Written":
    """Writes a report, with a line on standard error that says what is done."""
    from adl_jax.report import write_report

    with _progress() as progress:
        folder = out.parent / "figures" if figures else None
        return write_report(results, out, figures=folder, report=progress)


def print_written(written: "Written") -> None:
    """What a report could not show, and where it is."""
    from adl_jax.inert import shown

    missing = {
        section.missing: section.title
        for section in written.report.sections
        if section.missing
    }
    for why, title in missing.items():
        print(f"{title}: {shown(why, 1000)}")
    size = written.page.stat().st_size / 1e6
    path = lambda one: shown(str(one), 4096)
    print(f"The report is in {path(written.page)} ({size:.1f} MB)")
    if written.figures:
        folder = path(written.figures[0].parent)
        print(f"{len(written.figures)} figures are in {folder}")


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    from rich.console import Console

    with Console(stderr=True).status("reading") as status:
        yield status.update

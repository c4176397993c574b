"""`adl-jax demo`: from nothing to a report."""

import time
from pathlib import Path
from typing import Annotated

import typer

from adl_jax.cli.report import print_written, show, written_report
from adl_jax.cli.shared import (
    fail,
    fail_writing,
    keep_programs,
    use_every_processor,
)


_SCENARIOS = 1000


def demo(
    out: Annotated[
        Path, typer.Option(help="A new folder for the run and its report.")
    ] = Path("adl-jax-demo"),
    open: Annotated[
        bool, typer.Option("--open", help="Show the page in a browser.")
    ] = False,
) -> None:
    """Simulate the built-in configuration `default`, and write a report on it."""
    import jax

    use_every_processor()
    keep_programs()
    from adl_jax.config import build, load
    from adl_jax.monte_carlo import monte_carlo
    from adl_jax.result import InputError

    began = time.perf_counter()
    run, page = out / "run", out / "report.html"
    try:
        chosen = load("default")
        jax.config.update("jax_enable_x64", chosen.dtype == "float64")
        scenario, policies = build(chosen)
        print(
            f"Simulating {_SCENARIOS:,} crashes of the configuration 'default', "
            f"{chosen.book.accounts:,} accounts, under {len(policies)} policies: "
            f"{', '.join(policies)}",
            flush=True,
        )
        results = monte_carlo(
            jax.random.key(chosen.seed),
            scenario,
            policies,
            _SCENARIOS,
            out=run,
            resume=True,
            configuration=chosen.model_dump(mode="json"),
        )
        simulated = time.perf_counter()
        print(f"Rows are in {run}, after {simulated - began:.0f} s", flush=True)
        written = written_report(results, page, figures=True)
    except InputError as error:
        fail(str(error))
    except OSError as error:
        fail_writing(error)
    print_written(written)
    print(
        f"{time.perf_counter() - began:.0f} s in all. The same by hand:\n"
        f"  adl-jax simulate default --scenarios {_SCENARIOS} --out my-run\n"
        "  adl-jax report my-run --open"
    )
    if open:
        show(page)

"""`adl-jax bench`: how fast this machine is."""

import json
from pathlib import Path
from typing import Annotated

import typer

from adl_jax.cli.shared import (
    Format,
    FormatOption,
    fail,
    use_every_processor,
    without_nan,
)


def bench(
    config: Annotated[
        str, typer.Argument(help="A TOML file, or the name of a built-in one.")
    ] = "default",
    scenarios: Annotated[
        int, typer.Option(min=1, help="In one batch, a multiple of the devices.")
    ] = 1024,
    accounts: Annotated[
        int | None, typer.Option(min=10, help="Instead of the configuration's.")
    ] = None,
    dtype: Annotated[
        str | None, typer.Option(help="float32 or float64, instead of its own.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each program.")] = 5,
    format: FormatOption = Format.table,
    out: Annotated[
        Path | None, typer.Option(help="A JSON file for the same figures.")
    ] = None,
) -> None:
    """Measure how fast this machine runs a configuration's policies."""
    import jax

    use_every_processor()
    from adl_jax.bench import copy_bandwidth, machine, throughput
    from adl_jax.config import build, changed, load
    from adl_jax.result import InputError
    from adl_jax.tables import written_whole

    try:
        chosen = load(config)
        if accounts is not None:
            chosen = changed(chosen, book={"accounts": accounts})
        if dtype is not None:
            chosen = changed(chosen, dtype=dtype)
        jax.config.update("jax_enable_x64", chosen.dtype == "float64")
        scenario, policies = build(chosen)
        devices = jax.local_device_count()
        if scenarios % devices:
            fail(
                f"--scenarios {scenarios} is no multiple of the {devices} devices; fix: "
                f"{-(-scenarios // devices) * devices}"
            )
        bandwidth = copy_bandwidth()
        results = throughput(
            jax.random.key(chosen.seed),
            scenario,
            policies,
            scenarios,
            bandwidth=bandwidth,
            repeats=repeats,
        )
        figures = {
            "machine": machine(),
            "copy_bandwidth_bytes_a_second": bandwidth,
            "programs": without_nan([result._asdict() for result in results]),
        }
        if out is not None:
            with written_whole(out) as temporary:
                text = json.dumps(figures, indent=2) + "\n"
                temporary.write_text(text, encoding="utf-8")
    except InputError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{out}: {error.strerror}; fix: choose another --out")
    if format is Format.json:
        print(json.dumps(figures, allow_nan=False, indent=2))
        return
    from rich.console import Console

    from adl_jax.bench_text import print_throughput

    print_throughput(Console(), figures["machine"], results)

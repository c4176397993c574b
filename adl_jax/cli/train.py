"""`adl-jax train`: a policy learned by gradient through the simulator."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adl_jax.cli.shared import Format, FormatOption, fail, keep_programs


if TYPE_CHECKING:
    from adl_jax.train import Trained


def train(
    config: Annotated[
        str,
        typer.Argument(help="A TOML file with [train], or the built-in `training`."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for checkpoints, curves and the trained policy."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the training in --out.")
    ] = False,
    format: FormatOption = Format.table,
) -> None:
    """Learn a policy's numbers by gradient through the simulator."""
    if resume and out is None:
        fail("--resume goes on with a folder: give --out")
    keep_programs()
    import jax

    from adl_jax.config import load
    from adl_jax.result import InputError
    from adl_jax.train import save_policy, train as fit, training_of

    try:
        chosen = load(config)
        jax.config.update("jax_enable_x64", chosen.dtype == "float64")
        training = training_of(chosen)
        with _progress(format) as report:
            trained = fit(
                jax.random.key(chosen.seed),
                training.policy,
                training.problems,
                training.objective,
                training.validation,
                settings=training.settings,
                leaves=training.leaves,
                out=out,
                resume=resume,
                report=report,
            )
        if out is not None:
            record = trained.record | {"configuration": chosen.model_dump(mode="json")}
            save_policy(
                out / "trained.policy",
                trained.policy,
                section=training.section,
                record=record,
            )
    except InputError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        if out is not None:
            print(
                f"go on with: adl-jax train {config} --out {out} --resume",
                file=sys.stderr,
            )
        raise typer.Exit(130) from None
    if format is Format.json:
        print(json.dumps(trained.record, allow_nan=False, indent=2))
        return
    _print(trained)
    if out is not None:
        print(f"The policy is in {out / 'trained.policy'}")


def _print(trained: "Trained") -> None:
    from rich.console import Console
    from rich.table import Table

    from adl_jax.train import numbers_of

    record = trained.record
    console = Console()
    table = Table(title="Objective on validation scenarios, lower is better")
    for name in ("family", "before", "after"):
        table.add_column(name, justify="left" if name == "family" else "right")
    before, best = record["validation_before"], record["validation_best"]
    for family in before:
        if family != "step":
            table.add_row(family, f"{before[family]:.5g}", f"{best[family]:.5g}")
    console.print(table)
    console.print(
        f"{record['steps']} steps in {record['seconds']:.0f} s, stopped by "
        f"{record['stopped_by']}; best after {record['best_step']}; "
        f"{record['skipped']} skipped for a gradient that is not finite"
    )
    numbers = numbers_of(trained.policy)
    for path in record["leaves"]:
        value = numbers[path]
        shown = f"{float(value):.5g}" if value.ndim == 0 else f"shape {value.shape}"
        console.print(f"  {path} = {shown}", highlight=False)


@contextmanager
def _progress(format: Format) -> "Iterator[Callable[[Any], None] | None]":
    """A line on standard error after each validation."""
    if format is Format.json:
        yield None
        return
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("compiling") as status:

        def report(progress: Any) -> None:
            status.update(
                f"step {progress.step} of {progress.steps}, validation "
                f"{progress.validation:.5g}, best {progress.best:.5g}, "
                f"{progress.seconds:.0f} s"
            )

        yield report

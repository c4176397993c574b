"""The command line: a file a command."""

import typer

from adl_jax.cli.bench import bench
from adl_jax.cli.check import check
from adl_jax.cli.compare import compare
from adl_jax.cli.decide import decide
from adl_jax.cli.demo import demo
from adl_jax.cli.doctor import doctor
from adl_jax.cli.replay import replay
from adl_jax.cli.report import report
from adl_jax.cli.reverse_stress import reverse_stress
from adl_jax.cli.sensitivities import sensitivities
from adl_jax.cli.simulate import simulate
from adl_jax.cli.template import template
from adl_jax.cli.train import train


app = typer.Typer(
    name="adl-jax",
    help="Autodeleveraging as online learning: who should pay, and how much?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    *(demo, replay, simulate, report, compare, reverse_stress),
    *(sensitivities, train),
    *(template, check, decide, doctor, bench),
):
    app.command()(command)


def main() -> None:
    """Runs the command line."""
    app()

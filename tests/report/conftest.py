"""A small run and its report, which all tests here look at."""

import jax
import pytest

from adl_jax.config import build, parse
from adl_jax.monte_carlo import monte_carlo, read_results
from adl_jax.report import write_report
from tests.report.run import CONFIGURATION, SCENARIOS


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "run"
    configuration = parse(CONFIGURATION, "test")
    scenario, policies = build(configuration)
    monte_carlo(
        jax.random.key(configuration.seed),
        scenario,
        policies,
        SCENARIOS,
        out=folder,
        configuration=configuration.model_dump(mode="json"),
    )
    return read_results(folder)


@pytest.fixture(scope="session")
def written(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    return write_report(run, out / "report.html", figures=out / "figures")

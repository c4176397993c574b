"""The table of propositions, with few instances, and what it must not let through."""

import dataclasses
import json
import sys
import zlib
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from adl_jax.allocation import queue
from adl_jax.projection import euclidean


sys.path.insert(0, str(Path(__file__).parents[1] / "experiments"))

import propositions
from claims import (
    companion_regret,
    execution,
    geometry,
    growth,
    harness,
    linear_programs,
)
from claims.harness import Claim, Suite, Tally, at_most, run
from claims.instances import Draw, budget, capacities, greedy, projected


def named(suite):
    return f"{suite.check.__module__}.{suite.check.__name__}"


def small(suite):
    """One size of a suite that compiles fast, or all where a claim needs them."""
    if suite is execution.TRACKING:
        return dataclasses.replace(suite, shares=(0.9, 0.1))
    if suite.shares is not None or suite is geometry.JUMP:
        return suite
    kept = suite.sizes[:2] if suite is geometry.QUEUE else suite.sizes[:2][-1:]
    return dataclasses.replace(suite, sizes=kept)


@pytest.mark.parametrize("suite", propositions.SUITES, ids=named)
def test_every_claim_holds_or_fails_as_it_is_known_to(suite):
    for tally in run(small(suite), 600, seed=3):
        assert tally.as_expected, tally


def test_a_rare_failure_has_a_witness():
    stream = zlib.crc32(b"0/check/(900,)")
    margins = companion_regret.check(Draw(stream, jnp.asarray(15_187)), (900,))
    printed, corrected = margins["Euclidean"], margins["Euclidean corrected"]
    assert printed.measured > printed.bound + printed.tolerance
    assert corrected.measured < corrected.bound


def test_programs_agree_with_a_general_solver():
    for tally in linear_programs.run(15, seed=1):
        assert tally.as_expected, tally


def counted(check, instances=1_000, **claim):
    suite = Suite(check, {"it": Claim("", "", **claim)}, sizes=((1,),))
    (tally,) = run(suite, instances, seed=0)
    return tally


def test_the_counter_counts_every_failure_once_and_finds_the_first():
    def one_in_seven(draw, size):
        # The seed is the only thing an instance knows of its index.
        number = draw.uniform()
        return {"it": at_most(number, jnp.asarray(6 / 7), scale=0.0, operations=0)}

    tally = counted(one_in_seven, 25_000)
    streams = np.array(
        [one_in_seven(Draw(_stream(one_in_seven), jnp.asarray(i)), (1,))["it"].measured
         for i in range(50)]
    )  # fmt: skip
    assert tally.tried == 25_000
    assert abs(tally.violations - 25_000 / 7) < 5 * np.sqrt(25_000 * 6 / 49)
    assert tally.first_violation.endswith(f"instance {np.argmax(streams > 6 / 7)}")
    assert not tally.as_expected


def _stream(check):
    return zlib.crc32(f"0/{check.__name__}/(1,)".encode())


@pytest.mark.parametrize(
    ("measured", "bound"),
    [(np.nan, 1.0), (1.0, np.nan), (np.inf, 1.0), (np.inf, np.inf - np.inf), (1, -1)],
)
def test_what_is_not_a_number_or_too_much_is_a_violation(measured, bound):
    def check(draw, size):
        return {
            "it": at_most(
                jnp.asarray(measured, float),
                jnp.asarray(bound),
                scale=1.0,
                operations=1,
            )
        }

    tally = counted(check)
    assert tally.violations == tally.tried == 1_000


def test_a_claim_that_never_applies_is_not_a_success():
    def check(draw, size):
        return {
            "it": at_most(
                jnp.zeros(()), jnp.ones(()), scale=1.0, operations=1, applies=False
            )
        }

    tally = counted(check)
    assert tally.tried == 0
    assert not tally.as_expected


def test_a_known_failure_that_no_longer_fails_is_reported():
    def check(draw, size):
        return {"it": at_most(jnp.zeros(()), jnp.ones(()), scale=1.0, operations=1)}

    assert not counted(check, fails=True).as_expected
    assert counted(check).as_expected


def test_an_unlisted_claim_is_an_error():
    suite = Suite(lambda draw, size: {}, {"missing": Claim("", "")}, sizes=((1,),))
    with pytest.raises(ValueError, match=r"not \{'missing'\}"):
        run(suite, 10, seed=0)


def test_draws_are_uniform_independent_of_the_batch_and_of_each_other():
    draw = Draw(7, jnp.asarray(3))
    first, second = draw.uniform((20_000,)), draw.uniform((20_000,))
    again = Draw(7, jnp.asarray(3)).uniform((20_000,))
    np.testing.assert_array_equal(first, again)
    for numbers in (first, second):
        assert 0 <= numbers.min() < numbers.max() < 1
        histogram = np.histogram(numbers, bins=20, range=(0, 1))[0]
        assert ((histogram - 1_000) ** 2 / 1_000).sum() < 45
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
    neighbour = Draw(7, jnp.asarray(4)).uniform((20_000,))
    assert abs(np.corrcoef(first, neighbour)[0, 1]) < 0.03
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 0.03


def test_the_exact_oracles_agree_with_the_kernels():
    for index in range(12):
        draw = Draw(11, jnp.asarray(index))
        upper = capacities(draw, 6)
        total = budget(draw, upper)
        y = upper * draw.uniform((6,), -1, 2)
        near = {"rtol": 1e-9, "atol": 1e-12 * float(upper.sum())}
        np.testing.assert_allclose(
            projected(y, upper, total), euclidean(y, upper, total), **near
        )
        score = draw.uniform((6,))
        np.testing.assert_allclose(
            greedy(score, upper, total), queue(score, upper, total), **near
        )


def test_regret_grows_as_the_theory_says(monkeypatch):
    monkeypatch.setattr(growth, "HORIZONS", (100, 1_000))
    curves = {
        curve.name: curve
        for curve in growth.allocation_curves() + growth.severity_curves()
    }
    assert curves["fixed queue (18)"].slope > 0.99
    assert curves["projected descent on USD"].slope > 0.95
    assert curves["mirror descent on fractions, Euclidean"].slope < 0.6
    assert curves["mirror descent on fractions, entropic"].slope < 0.6
    assert curves["projected descent, static regret"].slope < 0.55
    np.testing.assert_allclose(
        curves["any fixed severity, dynamic regret"].regret, [15, 150]
    )


def test_the_script_writes_what_it_found(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(propositions, "SUITES", propositions.SUITES[-1:])
    monkeypatch.setattr(propositions, "MOST_PROGRAMS", 3)
    monkeypatch.setattr(growth, "HORIZONS", (100, 200))
    assert propositions.main(["--instances", "50", "--out", str(tmp_path)]) == 0
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {
        *("propositions.csv", "propositions.parquet", "propositions.json"),
        "regret_growth.png",
    }
    table = pd.read_parquet(tmp_path / "propositions.parquet")
    record = json.loads((tmp_path / "propositions.json").read_text())
    assert len(table) == len(record["claims"]) == 7
    assert table.as_expected.all()
    assert "0 not as expected" in capsys.readouterr().out


def test_instances_may_be_written_as_powers():
    assert propositions.whole("1e6") == 1_000_000
    assert propositions.whole("250") == 250
    for wrong in ("0", "-3", "1.5", "many"):
        with pytest.raises(ValueError, match=r"whole number|could not convert"):
            propositions.whole(wrong)


def test_the_script_fails_where_a_claim_does(monkeypatch):
    broken = Tally(Claim("x", "y"), tried=10, violations=1)
    monkeypatch.setattr(propositions, "tried", lambda *_: [broken])
    for name in ("allocation_curves", "severity_curves", "printed_curves"):
        monkeypatch.setattr(growth, name, list)
    assert propositions.main([]) == 1
    assert harness.SAFETY == 16

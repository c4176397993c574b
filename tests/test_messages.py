import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adl_jax import Commitment, Information, Policy, ProRata, replay
from adl_jax.messages import before_closeouts, severity_needed, visible, visible_record
from adl_jax.severity import Fixed
from tests.conftest import make_rounds


FULL = dataclasses.replace(
    jax.tree.map(lambda leaf: leaf[0], make_rounds().observations()),
    lot_value=jnp.ones(7),
    expected_needed=jnp.ones(()),
    signals=jnp.ones(()),
)
START = {
    *("round", "elapsed_ms", "deficit", "capacity_total", "capacity", "score"),
    *("leverage", "lot_value", "signals"),
}
CLOSEOUTS = {"closeout_quantity", "closeout_notional"}


def shown(observation):
    return {
        field.name
        for field in dataclasses.fields(observation)
        if getattr(observation, field.name) is not None
    }


@pytest.mark.parametrize(
    ("information", "expected"),
    [
        (Information.observed, set()),
        (Information.deficit, START),
        (
            Information.notional,
            START | CLOSEOUTS | {"market", "max_leverage", "expected_needed"},
        ),
        (
            Information.hindsight,
            START | CLOSEOUTS | {"market", "max_leverage", "expected_needed", "needed"},
        ),
    ],
)
def test_an_information_set_shows_what_it_says(information, expected):
    assert shown(visible(FULL, information)) == expected
    assert shown(before_closeouts(visible(FULL, information))) == expected - CLOSEOUTS


def test_only_hindsight_is_not_ex_ante_among_what_decides():
    assert [info.name for info in Information if info.ex_ante] == [
        "deficit",
        "notional",
    ]


def test_a_past_round_hides_close_outs_from_the_deficit_set():
    records = replay(make_rounds(), Policy(Fixed(0.5), ProRata())).records
    record = jax.tree.map(lambda leaf: leaf[0], records)
    kept = shown(visible_record(record, Information.deficit))
    hidden = {"closeout_notional", "closeout_gap"}
    assert kept == shown(record) - hidden
    assert hidden <= shown(record)
    assert shown(visible_record(record, Information.notional)) == shown(record)
    simulated = dataclasses.replace(record, venue=record.deficit)
    for information in Information:
        assert visible_record(simulated, information).venue is None


def test_a_commitment_is_a_budget_or_a_rate():
    one = jnp.ones(())
    assert Commitment(budget=one).rate is None
    assert Commitment(rate=one).budget is None
    with pytest.raises(ValueError, match="exactly one"):
        Commitment()
    with pytest.raises(ValueError, match="exactly one"):
        Commitment(budget=one, rate=one)


def test_severity_needed_is_capped_and_defined_at_zero_deficit():
    got = severity_needed(
        jnp.array([3.0, 9.0, 5.0, 0.0]), jnp.array([6.0, 3.0, 0.0, 0.0])
    )
    np.testing.assert_array_equal(got, [0.5, 1.0, 0.0, 0.0])

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adl_jax import Rounds
from tests.conftest import make_rounds, round_fields


def test_dtype_follows_the_inputs():
    fields = round_fields()
    assert Rounds(**fields).deficit.dtype == jnp.float64
    single = {
        name: value.astype(np.float32) if value.dtype == float else value
        for name, value in fields.items()
    }
    assert Rounds(**single).deficit.dtype == jnp.float32
    assert (
        Rounds(**(fields | {"deficit": [1, 2, 3, 4, 5]})).deficit.dtype == jnp.float64
    )


def test_elapsed_time_is_exact_without_64_bits():
    expected = np.arange(5) * 10_000
    np.testing.assert_array_equal(make_rounds().observations().elapsed_ms, expected)
    with jax.enable_x64(False):
        rounds = make_rounds()
        elapsed = jax.jit(lambda r: r.observations().elapsed_ms)(rounds)
    assert elapsed.dtype == jnp.float32
    np.testing.assert_array_equal(elapsed, expected)


def test_observations_have_a_leading_axis_of_rounds():
    observations = make_rounds().observations()
    assert observations.capacity.shape == (5, 7)
    assert observations.closeout_notional.shape == (5, 3)
    assert observations.max_leverage.shape == (5, 3)
    assert {leaf.shape[0] for leaf in jax.tree.leaves(observations)} == {5}
    bare = make_rounds(
        capacity=None, score=None, leverage=None, closeout_gap=None,
        closeout_quantity=None, closeout_price=None, max_leverage=None,
    )  # fmt: skip
    assert bare.observations().market is None
    assert bare.closeout_notional is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"deficit": [1.0, 2.0, np.nan, 4.0, 5.0]}, r"deficit\[2\] is nan.*at least 0"),
        (
            {"needed": np.ones(5, np.float32)},
            "needed is float32, but deficit is float64",
        ),
        (
            {"start_ms": jnp.asarray(round_fields()["start_ms"][::-1])},
            "before start_ms",
        ),
        (
            {"end_ms": round_fields()["end_ms"] + [0, 0, 0, 0, 2**32]},
            "more than 24 days",
        ),
        ({"needed": [1.0, -2.0, 3.0, 4.0, 5.0]}, r"needed\[1\] is -2.0"),
        ({"score": np.full((5, 7), np.inf)}, r"score\[0, 0\] is inf.*must be finite"),
        ({"capacity": np.ones((5, 7, 1))}, r"capacity has shape \(5, 7, 1\)"),
        ({"needed": np.ones(4)}, "needed has 4 rounds, but deficit has 5"),
        ({"leverage": np.ones((5, 8))}, "leverage has 8 accounts, but capacity has 7"),
        (
            {"closeout_price": None},
            "closeout_quantity and closeout_price come together",
        ),
        ({"markets": ("BTC",)}, "markets has 1 names for 3 markets"),
        ({"deficit_basis": "flow"}, "deficit_basis is 'flow'"),
        ({"end_ms": round_fields()["start_ms"] - 1}, r"end_ms\[0\].*before start_ms"),
        (
            {"start_ms": round_fields()["end_ms"][::-1]},
            r"before start_ms|sort the rounds",
        ),
        (
            {"capacity_total": np.ones(5)},
            r"capacity_total\[0\] is 1.0.*sum of capacity",
        ),
    ],
)
def test_bad_rounds_are_refused_by_name(changes, message):
    with pytest.raises(ValueError, match=message):
        Rounds(**(round_fields() | changes))


def test_overlapping_rounds_are_refused():
    fields = round_fields()
    fields["end_ms"] = fields["start_ms"] + 10_000
    with pytest.raises(ValueError, match=r"start_ms\[1\].*not after end_ms\[0\]"):
        Rounds(**fields)


def test_no_rounds_are_refused():
    none = np.zeros(0)
    with pytest.raises(ValueError, match="at least one round"):
        Rounds(none, none, none, none.astype(int), none.astype(int))


def test_rounds_pass_through_transformations():
    stacked = jax.tree.map(
        lambda *leaves: jnp.stack(leaves), *(make_rounds(i) for i in (0, 1))
    )
    totals = jax.vmap(lambda rounds: rounds.observations().deficit.sum())(stacked)
    np.testing.assert_allclose(
        totals, [make_rounds(i).deficit.sum() for i in (0, 1)], rtol=1e-15
    )

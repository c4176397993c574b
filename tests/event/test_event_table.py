"""Rounds from ADL fills: on a small table by hand, and on the public sample."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import adl_jax
from adl_jax import InputError, Recorded, Rounds, october10, read_events
from adl_jax.event import Event


COLUMNS = [
    *("user", "coin", "time", "adl_price", "adl_size", "position_size"),
    *("entry_price", "total_unrealized_pnl", "leverage_realtime", "pnl_percent"),
    "liquidated_user",
]
FILLS = [
    # Out of order on purpose: round 1 is 1000-6000 ms, round 2 is 20000-20000 ms.
    ("b", "ETH", 20_000, 10.0, 4.0, -4.0, 12.0, 8.0, 2.0, 50.0, "x"),
    ("a", "BTC", 1_000, 100.0, 1.0, -1.0, 120.0, 30.0, 3.0, 20.0, "x"),
    ("a", "ETH", 3_000, 11.0, 2.0, -2.0, 12.0, 99.0, 9.0, 90.0, "y"),
    ("c", "BTC", 6_000, 110.0, 3.0, 3.0, 90.0, -5.0, 1.0, -10.0, "x"),
    ("c", "BTC", 60_000, 90.0, 1.0, 1.0, 80.0, 7.0, 1.0, 10.0, "z"),
]


def figures():
    return Event(
        name="two rounds",
        rounds=Rounds(
            deficit=[50.0, 5.0, 7.0],
            needed=[4.0, 3.0, 1.0],
            capacity_total=[100.0, 90.0, 80.0],
            start_ms=[900, 19_000, 200_000],
            end_ms=[6_500, 21_000, 201_000],
        ),
        labels=(3, 5, 8),
        recorded={"queue": Recorded([1.0, 2.0, 3.0], [0.1, 0.2, 0.3])},
        largest_loss=np.array([50.0, 5.0, 7.0]),
    )


@pytest.fixture
def table(tmp_path):
    def write(rows=FILLS, columns=COLUMNS, **extra):
        path = tmp_path / "fills.csv"
        pd.DataFrame(rows, columns=columns).assign(**extra).to_csv(path, index=False)
        return path

    return write


def test_rounds_winners_and_close_outs_by_hand(table):
    event = read_events(table(), figures())
    rounds = event.rounds
    assert event.labels == (3, 5)
    assert event.accounts == ("a", "b", "c")
    # First fill of the round counts, losses are no capacity.
    np.testing.assert_array_equal(rounds.capacity, [[30, 0, 0], [0, 8, 0]])
    np.testing.assert_array_equal(rounds.capacity_total, [30, 8])
    np.testing.assert_allclose(rounds.score, [[0.6, 0, -0.1], [0, 1, 0]])
    np.testing.assert_array_equal(rounds.leverage, [[3, 0, 1], [0, 2, 0]])
    np.testing.assert_array_equal(rounds.deficit, [50, 5])
    np.testing.assert_array_equal(rounds.needed, [4, 3])
    assert rounds.markets == ("BTC", "ETH")
    np.testing.assert_array_equal(rounds.closeout_quantity, [[4, 2], [0, 4]])
    np.testing.assert_allclose(rounds.closeout_notional, [[430, 22], [0, 40]])
    np.testing.assert_array_equal(event.recorded["queue"].executed, [1, 2])
    np.testing.assert_array_equal(event.largest_loss, [50, 5])
    assert len(event.positions) == 4
    assert any("3 clusters of fills, 2 with a deficit" in note for note in event.notes)


def test_the_order_of_rows_never_matters(table, oct10):
    sample = oct10 / "adl_detailed_sample.csv"
    rows = pd.read_csv(sample).sample(frac=1, random_state=3)
    shuffled = table(rows, list(rows.columns))
    first, second = (read_events(path, october10()) for path in (sample, shuffled))
    assert first.accounts == second.accounts
    for name in ("capacity", "score", "leverage", "closeout_quantity"):
        np.testing.assert_allclose(
            getattr(first.rounds, name), getattr(second.rounds, name), rtol=1e-12
        )


def test_losers_without_a_name_are_refused(table):
    rows = [(*fill[:-1], "") for fill in FILLS]
    path = table(rows, liquidated_total_equity=-1000.0, mark_price=1.0)
    with pytest.raises(InputError, match="column liquidated_user"):
        read_events(path, october10())


def test_a_gap_of_just_five_seconds_does_not_start_a_round(table):
    rows = [
        ("a", "BTC", 1_000, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, "x"),
        ("a", "BTC", 6_000, 1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, "x"),
        ("a", "BTC", 11_001, 1.0, 3.0, 1.0, 1.0, 1.0, 1.0, 1.0, "x"),
    ]
    wide = dataclasses.replace(
        figures(),
        rounds=Rounds([1.0, 2.0], [1.0, 1.0], [9.0, 9.0], [0, 7_000], [6_500, 12_000]),
        labels=(1, 2),
        recorded={},
        largest_loss=None,
    )
    event = read_events(table(rows), wide)
    np.testing.assert_array_equal(event.rounds.closeout_quantity, [[3], [3]])


def test_clusters_inside_one_published_round_are_merged(table):
    one = dataclasses.replace(
        figures(),
        rounds=Rounds([9.0], [1.0], [50.0], [0], [100_000]),
        labels=(1,),
        recorded={},
        largest_loss=None,
    )
    event = read_events(table(), one)
    assert event.labels == (1,)
    np.testing.assert_array_equal(event.rounds.capacity, [[30, 8, 0]])


def test_deficit_and_needed_are_computed_where_losers_equity_and_marks_are(table):
    path = table(
        liquidated_total_equity=[5.0, -40.0, -10.0, -60.0, 1.0],
        mark_price=[11.0, 95.0, 11.5, 113.0, 90.0],
    )
    event = read_events(path, october10())
    # Round one: x owes 60 at worst and y owes 10; rounds two and three owe nothing.
    assert event.labels == (1,)
    np.testing.assert_array_equal(event.rounds.deficit, [70])
    np.testing.assert_array_equal(event.largest_loss, [60])
    np.testing.assert_allclose(event.rounds.needed, [5 * 1 + 0.5 * 2 + 3 * 3])
    assert event.rounds.deficit_basis == "stock"
    assert event.recorded == {}


@pytest.mark.parametrize(
    ("rows", "columns", "words"),
    [
        (FILLS, [*COLUMNS[:-1], "loser"], ["'liquidated_user' is missing"]),
        ([*FILLS, FILLS[0]], COLUMNS, ["row 6 (line 7)", "stands above already"]),
        (
            [("a", "BTC", -5, *FILLS[0][3:])],
            COLUMNS,
            ["row 1 (line 2), column time", "'-5'"],
        ),
        (
            [("a", "BTC", 5, 0.0, *FILLS[0][4:])],
            COLUMNS,
            ["column adl_price", "greater than 0"],
        ),
        ([("a", "BTC", 5_000_000, *FILLS[0][3:])], COLUMNS, ["no fill is in a round"]),
    ],
)
def test_bad_tables_are_refused_by_place(table, rows, columns, words):
    path = table(rows, columns)
    with pytest.raises(InputError) as caught:
        read_events(path, figures())
    for word in [str(path), *words]:
        assert word in str(caught.value)


def test_fills_over_two_published_rounds_are_refused(table):
    close = dataclasses.replace(
        figures(),
        rounds=Rounds([1.0, 1.0], [1.0, 1.0], [9.0, 9.0], [0, 2_500], [2_000, 9_000]),
        labels=(1, 2),
        recorded={},
        largest_loss=None,
    )
    with pytest.raises(InputError, match="overlap the rounds"):
        read_events(table(), close)


def test_no_deficit_at_all_is_refused(table):
    path = table(liquidated_total_equity=1.0, mark_price=1.0)
    with pytest.raises(InputError, match="no round has a deficit"):
        read_events(path, october10())


def test_the_public_sample_joins_the_published_rounds(oct10):
    path = oct10 / "adl_detailed_sample.csv"
    event, table = read_events(path, october10()), pd.read_csv(path)
    published = october10()
    rows = [published.labels.index(label) for label in event.labels]
    assert 10 < len(rows) <= 16
    np.testing.assert_array_equal(
        event.rounds.deficit, np.asarray(published.rounds.deficit)[rows]
    )
    np.testing.assert_array_equal(
        event.recorded["production_queue"].executed,
        np.asarray(published.recorded["production_queue"].executed)[rows],
    )
    for index, label in enumerate(event.labels):
        start, end = (
            int(getattr(published.rounds, name)[published.labels.index(label)])
            for name in ("start_ms", "end_ms")
        )
        fills = table[table["time"].between(start, end)].sort_values(
            ["time", "total_unrealized_pnl"], ascending=[True, False]
        )
        first = fills.groupby("user").first()["total_unrealized_pnl"].clip(lower=0)
        np.testing.assert_allclose(event.rounds.capacity_total[index], first.sum())
        np.testing.assert_allclose(
            event.rounds.closeout_quantity[index].sum(), fills["adl_size"].sum()
        )
    policy = adl_jax.Policy(adl_jax.severity.Fixed(0.5), adl_jax.Queue())
    records = adl_jax.replay(event.rounds, policy).records
    assert (np.asarray(records.haircut) <= np.asarray(event.rounds.capacity)).all()

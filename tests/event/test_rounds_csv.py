"""Events of one's own, from two CSV files."""

import numpy as np
import pytest

from adl_jax import Information, InputError, read_rounds


ROUNDS = """\
round,start_ms,end_ms,deficit_usd,needed_usd,capacity_usd,largest_loss_usd,\
mine_executed_usd,mine_concentration,other_executed_usd
1,1000,1500,10.5,3,100,10,2,0.5,0
4,9000,9000,20,25,50,10,20,1,7.25
"""
CLOSEOUTS = """\
round,market,quantity,price_usd,max_leverage,gap_usd
1,BTC,0.5,100,40,2
1,ETH,3,10,25,1
4,ETH,0,12,25,25
"""


@pytest.fixture
def files(tmp_path):
    def write(rounds=ROUNDS, closeouts=CLOSEOUTS):
        (tmp_path / "rounds.csv").write_text(rounds)
        (tmp_path / "closeouts.csv").write_text(closeouts)
        return tmp_path / "rounds.csv", tmp_path / "closeouts.csv"

    return write


def test_reads_rounds_recorded_policies_and_close_outs(files):
    event = read_rounds(*files())
    rounds = event.rounds
    assert event.name == "rounds"
    assert event.labels == (1, 4)
    np.testing.assert_array_equal(rounds.deficit, [10.5, 20])
    np.testing.assert_array_equal(rounds.start_ms, [1000, 9000])
    np.testing.assert_array_equal(event.largest_loss, [10, 10])
    assert list(event.recorded) == ["mine", "other"]
    np.testing.assert_array_equal(event.recorded["mine"].concentration, [0.5, 1])
    assert event.recorded["other"].concentration is None
    assert event.recorded["other"].information is Information.observed
    assert rounds.markets == ("BTC", "ETH")
    np.testing.assert_array_equal(rounds.closeout_notional, [[50, 30], [0, 0]])
    np.testing.assert_array_equal(rounds.closeout_gap, [[2, 1], [0, 25]])
    np.testing.assert_array_equal(rounds.max_leverage, [40, 25])


def test_optional_parts_may_be_left_out(files):
    plain = "round,start_ms,end_ms,deficit_usd,needed_usd,capacity_usd\n1,0,5,1,1,9\n"
    closeouts = "round,market,quantity,price_usd\n1,BTC,2,3\n"
    rounds_file, closeouts_file = files(plain, closeouts)
    event = read_rounds(rounds_file)
    assert event.largest_loss is None
    assert event.recorded == {}
    assert event.rounds.closeout_notional is None
    rounds = read_rounds(rounds_file, closeouts_file).rounds
    assert rounds.closeout_gap is None
    assert rounds.max_leverage is None


def test_gaps_that_do_not_add_up_are_noted(files):
    assert read_rounds(*files()).notes == ()
    wrong = CLOSEOUTS.replace("40,2\n", "40,200\n")
    (note,) = read_rounds(*files(closeouts=wrong)).notes
    assert "226.00" in note


def test_lines_are_counted_where_blank_ones_stand_between(files):
    text = ROUNDS.replace("4,9000,9000", "\n\n4,500,9000")
    with pytest.raises(InputError, match=r"row 2 \(line 5\), column start_ms"):
        read_rounds(files(text)[0])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("needed_usd", "need_usd", ["'needed_usd' is missing", "'need_usd'"]),
        ("10.5", "-10.5", ["row 1 (line 2), column deficit_usd", "'-10.5'"]),
        ("25,50", "nan,50", ["row 2 (line 3), column needed_usd", "finite"]),
        (
            "4,9000,9000",
            "1,9000,9000",
            ["row 2 (line 3), column round", "there already"],
        ),
        (
            "4,9000,9000",
            "4,500,9000",
            ["row 2 (line 3), column start_ms", "sort the rows"],
        ),
        (
            "4,9000,9000",
            "4,9000,8000",
            ["row 2 (line 3), column end_ms", "before start_ms"],
        ),
        ("1,1000,1500", "1,1000,9500", ["column start_ms", "rounds that overlap"]),
        (
            "20,25,50,10",
            "20,25,50,30",
            ["largest_loss_usd", "part of the deficit"],
        ),
        ("2,0.5,0", "2,-0.5,0", ["column mine_concentration", "'-0.5'"]),
        ("mine_executed_usd,", "mine_spent_usd,", ["'mine_concentration' has no"]),
        ("1,1000,", "1.5,1000,", ["column round", "whole number"]),
    ],
)
def test_bad_rounds_are_refused_by_place(files, old, new, words):
    assert old in ROUNDS
    path, _ = files(ROUNDS.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        read_rounds(path)
    for word in [str(path), *words]:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("4,ETH", "2,ETH", ["row 3 (line 4), column round", "value 2", "[1, 4]"]),
        ("1,ETH", "1,BTC", ["row 2 (line 3), column market", "there already"]),
        ("1,BTC", "4,BTC", ["row 2 (line 3), column round", "sort the rows"]),
        ("0.5,100", "-0.5,100", ["column quantity", "'-0.5'"]),
        ("0.5,100", "0.5,0", ["column price_usd", "greater than 0"]),
        ("12,25", "12,20", ["column max_leverage", "one limit"]),
        (",2\n", ",\n", ["column gap_usd", "''", "fill every row"]),
        ("1,BTC", "1,", ["column market", "fill every row"]),
    ],
)
def test_bad_close_outs_are_refused_by_place(files, old, new, words):
    assert old in CLOSEOUTS
    rounds, path = files(closeouts=CLOSEOUTS.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        read_rounds(rounds, path)
    for word in [str(path), *words]:
        assert word in str(caught.value)

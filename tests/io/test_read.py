"""What is wrong with a book is all in one list, and what is right is read exactly."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from adl_jax.io import BookError, book_from_tables, example, read_book, write_book
from adl_jax.result import InputError
from tests.io.books import large, tables, write_csv


def lines_of(source, **options):
    with pytest.raises(BookError) as caught:
        (read_book if not isinstance(source, dict) else book_from_tables)(
            source, **options
        )
    return str(caught.value).splitlines()


def problems(source, **options):
    return "\n".join(lines_of(source, **options))


def test_twenty_thousand_accounts_with_ten_errors_report_all_ten(tmp_path):
    frames = large()
    positions = frames["positions"].astype(object)
    accounts = frames["accounts"].astype(object)
    row = lambda place: place + 2  # The header is row 1.
    before = positions.loc[7_000, "market"]
    positions.loc[10, "size"] = "1,000"
    positions.loc[5_000, "account"] = "User_00017"
    positions.loc[6_000, "market"] = "COIN99"
    positions.loc[7_000, "size"] = 0
    positions.loc[8_000, "entry_price_usd"] = "nan"
    positions.loc[9_000, "entry_price_usd"] = -3
    positions.loc[12_000, ["account", "market"]] = positions.loc[
        11_000, ["account", "market"]
    ]
    accounts.loc[19_998, "collateral_usd"] = "inf"
    accounts.loc[15_000, "collateral_usd"] = -1
    accounts.loc[16_000, "account"] = accounts.loc[200, "account"]
    # The account that is gone has a position; it is another's now.
    positions.loc[positions["account"] == "user-16000", "account"] = "user-00200x"
    folder = write_csv(
        frames | {"positions": positions, "accounts": accounts}, tmp_path / "book"
    )
    said = problems(folder)
    for expected in (
        f"accounts.csv, row {row(15_000)}, column collateral_usd: value '-1'",
        f"accounts.csv, row {row(16_000)}, column account: value 'user-00200', is in row "
        f"{row(200)} already",
        f"accounts.csv, row {row(19_998)}, column collateral_usd: value 'inf', not a ",
        f"positions.csv, row {row(10)}, column size: value '1,000', not a number; "
        "fix: write 1000",
        f"positions.csv, row {row(5_000)}, column account: value 'User_00017', not in "
        "accounts.csv; fix: did you mean 'user-00017'?",
        f"positions.csv, row {row(6_000)}, column market: value 'COIN99', not in",
        f"positions.csv, row {row(7_000)}, column size: value '0', must not be 0",
        f"positions.csv, row {row(8_000)}, column entry_price_usd: value 'nan', ",
        f"positions.csv, row {row(9_000)}, column entry_price_usd: value '-3', must be "
        "above 0",
        f"positions.csv, row {row(12_000)}, column account: value ",
    ):
        assert expected in said, said
    assert f"longs in '{before}' hold" in said


def test_the_same_book_without_errors_is_read(tmp_path):
    frames = large(accounts=2_000)
    folder = write_csv(frames, tmp_path / "book")
    snapshot = read_book(folder)
    assert snapshot.accounts == tuple(frames["accounts"]["account"])
    np.testing.assert_array_equal(
        snapshot.collateral, frames["accounts"]["collateral_usd"]
    )
    expected = frames["positions"].set_index(["account", "market"])["size"]
    for place in (0, 17, 1_500):
        key = (
            snapshot.accounts[snapshot.account_of[place]],
            snapshot.markets[snapshot.market_of[place]],
        )
        assert snapshot.size[place] == expected[key]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "positions.csv: is empty"),
        ("account,market,size,entry_price_usd\n", "positions.csv: has no rows"),
        ("a;b;c\n1;2;3\n", "values are separated by ';'"),
        (
            "acount,market,size,entry_price_usd\nnobody,ETH,1,1\n",
            "column acount: no such column; fix: rename it to 'account'",
        ),
        ("account,market,size\nanna,ETH,1\n", "column entry_price_usd: is missing"),
        (
            "account,market,size,entry_price_usd,note\nanna,ETH,1,1,x\n",
            "column note: no such column; fix: remove it",
        ),
        (
            "account,account,market,size,entry_price_usd\nanna,anna,ETH,1,1\n",
            "column account: is there 2 times",
        ),
        (
            "account,market,size,entry_price_usd\n\nanna,ETH,1,000,1\n,,,\nanna,ETH,x,1\n",
            "row 3: 5 values for 4 columns",
        ),
        (
            "account,market,size,entry_price_usd\n\n,,,\nanna,ETH,x,1\n",
            "row 4, column size: value 'x', not a number",
        ),
        (
            'account,market,size,entry_price_usd\nanna,ETH,1,1\n"anna,ETH,1,1\n',
            "row 3: no CSV from about here on",
        ),
        (
            "account,market,size,entry_price_usd\nanna,ETH,,1\n",
            "row 2, column size: value '', nothing there",
        ),
        (
            'account,market,size,entry_price_usd\nanna,ETH,"1.234,5",$7\n',
            "value '1.234,5', not a number; fix: write 1234.5",
        ),
        (
            "account,market,size,entry_price_usd\nanna,ETH,1e16,1\n",
            "value '1e16', must be 1e+15 or less",
        ),
    ],
)
def test_a_broken_file_is_explained(tmp_path, text, expected):
    folder = write_csv(tables(), tmp_path)
    (folder / "positions.csv").write_text(text)
    assert expected in problems(folder)


def test_a_misspelt_column_is_checked_all_the_same(tmp_path):
    frames = tables()
    frames["positions"] = frames["positions"].rename(columns={"account": "Acount"})
    frames["positions"].loc[3, "Acount"] = "nobody"
    said = lines_of(frames)
    assert len(said) == 3
    assert "row 5, column account: value 'nobody', not in accounts" in said[2]


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("utf-16", "is in UTF-16"), ("cp1252", "row 3: value")],
)
def test_another_encoding_is_named(tmp_path, encoding, expected):
    folder = write_csv(tables(), tmp_path)
    text = "account,collateral_usd\nanna,1\nbäckerei,1\n"
    (folder / "accounts.csv").write_bytes(text.encode(encoding))
    said = problems(folder)
    assert expected in said
    assert "save it as 'CSV UTF-8'" in said


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path):
    folder = write_csv(tables(), tmp_path)
    path = folder / "accounts.csv"
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert read_book(folder).sha256() == example().sha256()


def test_files_that_are_missing_or_there_twice(tmp_path):
    folder = write_csv(tables(), tmp_path)
    (folder / "fund.csv").unlink()
    tables()["depth"].to_parquet(folder / "depth.parquet")
    (folder / "markets.csv").rename(folder / "markets.parquet")
    said = problems(folder)
    assert "fund: no such file in the folder; fix: add fund.csv" in said
    assert "depth: is there twice, depth.csv and depth.parquet" in said
    assert "markets.parquet: no Parquet file" in said
    # Nothing is said about names that nobody could read.
    assert "not in" not in said
    with pytest.raises(InputError, match="no such folder"):
        read_book(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("table", "rows", "expected"),
    [
        ("depth", {"market": ["BTC"], "depth_usd": [1.0]}, "has no row for 'ETH'"),
        (
            "depth",
            {"market": ["BTC", "ETH", "BTC"], "depth_usd": [1.0] * 3},
            "row 4, column market: value 'BTC', is in row 2 already",
        ),
        (
            "margin_tiers",
            {
                "market": ["BTC", "ETH", "BTC"],
                "floor_usd": [0.0, 5.0, 0.0],
                "maintenance_rate": [0.02, 0.02, 0.01],
            },
            "row 3, column floor_usd: value '5', a market's first tier starts at 0",
        ),
        (
            "margin_tiers",
            {
                "market": ["BTC", "ETH", "BTC"],
                "floor_usd": [0.0, 0.0, 10.0],
                "maintenance_rate": [0.02, 0.02, 0.01],
            },
            "row 4, column maintenance_rate: value '0.01', below the tier before it",
        ),
        ("fund", {"balance_usd": [1.0, 2.0]}, "row 3: a venue has one fund"),
        (
            "fund",
            {"balance_usd": [1.0], "market": ["BTC"]},
            "fund, column market: has no row for 'ETH'",
        ),
        (
            "markets",
            {"market": ["BTC", "BTC"], "mark_usd": [1.0, 1.0], "max_leverage": [1, 1]},
            "row 3, column market: value 'BTC', is in row 2 already",
        ),
    ],
)
def test_tables_that_do_not_fit_together(table, rows, expected):
    assert expected in problems(tables(**{table: pd.DataFrame(rows)}))


def test_longs_and_shorts_balance_unless_it_is_allowed():
    frames = tables()
    frames["positions"].loc[0, "size"] += 1
    said = lines_of(frames)
    assert len(said) == 2
    assert "longs in 'ETH' hold 121 contracts and shorts 120; fix" in said[1]
    assert book_from_tables(frames, balanced=False).size.sum() == pytest.approx(1)


def test_a_column_that_is_all_wrong_does_not_hide_the_others():
    frames = large(accounts=5_000)
    frames["positions"]["size"] = "1 BTC"
    frames["accounts"].loc[4_000, "collateral_usd"] = -1
    said = lines_of(frames)
    assert len(said) < 60
    assert said[0] == f"book: {len(frames['positions']) + 1:,} problems"
    assert said[1].startswith("  accounts, row 4002, column collateral_usd")
    assert said[-1].endswith("more like these")


class Interchanged:
    """A table that speaks the interchange protocol, and nothing else."""

    def __init__(self, table):
        self._table = table

    def __dataframe__(self, **options):
        return self._table.__dataframe__(**options)


def test_a_table_can_come_from_anywhere(tmp_path):
    frames = tables()
    expected = example().sha256()
    arrow = {name: pa.Table.from_pandas(frame) for name, frame in frames.items()}
    assert book_from_tables(arrow).sha256() == expected
    readers = {
        name: pa.RecordBatchReader.from_batches(t.schema, t.to_batches(2))
        for name, t in arrow.items()
    }
    assert book_from_tables(readers).sha256() == expected
    older = {name: Interchanged(table) for name, table in arrow.items()}
    assert book_from_tables(older).sha256() == expected
    for name, frame in frames.items():
        frame.to_parquet(tmp_path / f"{name}.parquet")
    assert read_book(tmp_path).sha256() == expected
    paths = {name: str(tmp_path / f"{name}.parquet") for name in frames}
    assert book_from_tables(paths).sha256() == expected


def test_polars_needs_no_dependency():
    polars = pytest.importorskip("polars")
    frames = {
        name: polars.DataFrame(frame.to_dict("list"))
        for name, frame in tables().items()
    }
    assert book_from_tables(frames).sha256() == example().sha256()


def test_what_is_no_table_is_refused():
    with pytest.raises(TypeError, match="fund: int is no table"):
        book_from_tables(tables(fund=3))
    with pytest.raises(InputError, match="no table is called 'found'"):
        book_from_tables(tables(found=3))
    left = tables()
    del left["fund"]
    assert "fund: is missing" in problems(left)


def test_columns_of_mixed_types_and_missing_values(tmp_path):
    frames = tables()
    mixed = frames["positions"].astype(object)
    mixed.loc[1, "size"] = None
    mixed.loc[2, "size"] = "many"
    mixed.loc[3, "entry_price_usd"] = float("nan")
    mixed.loc[4, "account"] = None
    said = problems(frames | {"positions": mixed})
    assert "row 3, column size: value '', nothing there" in said
    assert "row 4, column size: value 'many', not a number" in said
    assert "row 5, column entry_price_usd: value '', nothing there" in said
    assert "row 6, column account: value '', nothing there" in said


def test_a_fund_of_each_market_in_any_order():
    rows = pd.DataFrame({"market": ["ETH", "BTC"], "balance_usd": [2.0, 1.0]})
    np.testing.assert_array_equal(book_from_tables(tables(fund=rows)).fund, [1.0, 2.0])


def test_short_ladders_repeat_their_last_tier():
    snapshot = example()
    np.testing.assert_array_equal(snapshot.margin_floor, [[0, 5e6], [0, 0]])
    np.testing.assert_array_equal(snapshot.margin_rate, [[0.0125, 0.025], [0.02, 0.02]])


def test_rows_may_be_in_any_order(tmp_path):
    frames = tables()
    shuffled = frames["positions"].sample(frac=1, random_state=0)
    assert book_from_tables(frames | {"positions": shuffled}).sha256() == (
        example().sha256()
    )
    with pytest.raises(InputError, match="is there already"):
        write_book(example(), write_csv(frames, tmp_path / "book"))

"""Books come back as they were, hostile names included, and go out without names."""

import csv
import dataclasses
import itertools
import re

import numpy as np
import pytest

from adl_jax.config import load
from adl_jax.inert import cell, quoted, shown, uncell
from adl_jax.io import (
    anonymised,
    book_from_tables,
    example,
    read_book,
    to_tables,
    write_book,
    write_template,
)
from adl_jax.result import InputError
from tests.io.books import HOSTILE, large, tables


def same(one, other):
    for field in dataclasses.fields(one):
        ours, theirs = getattr(one, field.name), getattr(other, field.name)
        if isinstance(ours, np.ndarray):
            np.testing.assert_array_equal(ours, theirs, strict=True)
        else:
            assert ours == theirs


def hostile():
    """The example's book under hostile names."""
    count = len(example().accounts)
    return dataclasses.replace(
        example(),
        accounts=HOSTILE[:count],
        owners=HOSTILE[count : 2 * count],
        markets=HOSTILE[2 * count : 2 * count + 2],
    )


@pytest.mark.parametrize("parquet", [False, True])
def test_a_round_trip_is_exact(tmp_path, parquet):
    draw = np.random.default_rng(1)
    book = book_from_tables(large(accounts=3_000))
    # Numbers with all their bits.
    book = dataclasses.replace(
        book,
        entry_price=book.entry_price * draw.lognormal(0, 0.3, book.size.size),
        collateral=draw.lognormal(0, 30, 3_000).clip(1e-12, 1e14),
    )
    write_book(book, tmp_path / "a", parquet=parquet)
    same(read_book(tmp_path / "a"), book)
    write_book(read_book(tmp_path / "a"), tmp_path / "b")
    same(read_book(tmp_path / "b"), book)


@pytest.mark.parametrize("parquet", [False, True])
@pytest.mark.parametrize("start", range(0, len(HOSTILE), 6))
def test_hostile_names_come_back_and_go_nowhere(tmp_path, parquet, start):
    names = (*HOSTILE, *HOSTILE)[start : start + 6]
    book = dataclasses.replace(example(), accounts=names, markets=names[:2])
    paths = write_book(book, tmp_path / "out", parquet=parquet)
    assert sorted(tmp_path.rglob("*")) == sorted([tmp_path / "out", *paths])
    same(read_book(tmp_path / "out"), book)
    for path in [] if parquet else paths:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            for column in ("account", "market"):
                assert not (row.get(column) or "x").startswith(tuple("=+-@\t\r"))


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_shown_inert(name):
    assert shown(name).isprintable()
    assert quoted(name).isprintable()
    assert len(shown(name)) < 300
    assert uncell(cell(name)) == name
    assert not cell(name).startswith(tuple("=+-@\t\r"))


def test_every_short_text_comes_back_and_starts_no_formula():
    # Where a spreadsheet may take a cell to start, and what starts a formula there.
    starts = re.compile(r"(?:\A|(?<=[;\t\r\n])) *[=@]")
    for length in range(6):
        for letters in itertools.product("';=\n a", repeat=length):
            text = "".join(letters)
            assert uncell(cell(text)) == text
            assert not starts.search(cell(text))


@pytest.mark.parametrize("there", ["README.txt", "crash.toml"])
def test_a_template_overwrites_none_of_its_files(tmp_path, there):
    (tmp_path / there).write_text("mine")
    with pytest.raises(InputError, match=f"{there}: is there already"):
        write_template(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [there]


def test_a_fund_of_each_market_and_several_tiers_come_back(tmp_path):
    book = dataclasses.replace(
        hostile(), fund=np.array([1.5, 0.0]), lot=None, beta=np.array([1.0, -0.5])
    )
    write_book(book, tmp_path / "a")
    same(read_book(tmp_path / "a"), book)
    same(book_from_tables(tables(**_frames(book))), book)


def _frames(book):
    import pandas as pd

    return {name: pd.DataFrame(columns) for name, columns in to_tables(book).items()}


def test_nothing_is_written_over(tmp_path):
    (tmp_path / "fund.parquet").write_text("mine")
    with pytest.raises(InputError, match=r"fund\.parquet: is there already"):
        write_book(example(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["fund.parquet"]
    target = tmp_path / "target"
    target.write_text("mine")
    folder = tmp_path / "linked"
    folder.mkdir()
    (folder / "accounts.csv").symlink_to(target)
    with pytest.raises(InputError, match="is there already"):
        write_book(example(), folder)
    assert target.read_text() == "mine"


def test_the_hash_is_of_names_and_numbers_alone(tmp_path):
    book = example()
    write_book(book, tmp_path / "a", parquet=True)
    assert read_book(tmp_path / "a").sha256() == book.sha256()
    others = [
        dataclasses.replace(book, size=book.size * (1 + 1e-15)),
        dataclasses.replace(book, accounts=("a,4:b", *book.accounts[1:])),
        dataclasses.replace(book, lot=None),
        dataclasses.replace(book, fund=np.asarray(book.fund + 1e-9)),
    ]
    assert len({one.sha256() for one in [book, *others]}) == len(others) + 1


def test_a_copy_without_names_has_the_same_amounts():
    book = dataclasses.replace(hostile(), accounts=example().accounts)
    plain = anonymised(book, key=b"0123456789abcdef")
    assert not set(plain.accounts) & set(book.accounts)
    assert not set(plain.owners) & set(book.owners)
    assert plain.accounts == tuple(sorted(plain.accounts))
    # The same accounts, in another order: each with its collateral and its positions.
    rows = lambda one: sorted(
        (
            one.collateral[account],
            *sorted(
                zip(
                    one.market_of[one.account_of == account],
                    one.size[one.account_of == account],
                    one.entry_price[one.account_of == account],
                    strict=True,
                )
            ),
        )
        for account in range(len(one.accounts))
    )
    assert rows(plain) == rows(book)
    same(anonymised(book, key=b"0123456789abcdef"), plain)
    assert anonymised(book).accounts != anonymised(book).accounts
    with pytest.raises(InputError, match="give 16 to 64"):
        anonymised(book, key=b"short")


def test_rounded_amounts_balance_and_can_be_read(tmp_path):
    plain = anonymised(book_from_tables(large(accounts=1_000)), digits=2)
    assert plain.accounts[-1] == "rounding"
    others = plain.account_of < 1_000
    assert (plain.size[others] == [float(f"{x:.1e}") for x in plain.size[others]]).all()
    write_book(plain, tmp_path / "out")
    read = read_book(tmp_path / "out")
    assert read.size.size == plain.size.size
    with pytest.raises(InputError, match="give 1 to 17"):
        anonymised(plain, digits=0)


def test_the_template_is_the_example_and_explains_every_column(tmp_path):
    paths = write_template(tmp_path / "new")
    assert read_book(tmp_path / "new").sha256() == example().sha256()
    text = paths[0].read_text()
    for name, columns in to_tables(example()).items():
        assert f"{name}.csv" in text
        for column in columns:
            assert f"  {column} " in text
    with pytest.raises(InputError, match="is there already"):
        write_template(tmp_path / "new")


def test_the_templates_configuration_has_its_folder(tmp_path):
    folder = tmp_path / 'a "b"\n[c]\x7f\\'
    write_template(folder)
    assert load(folder / "crash.toml").book.folder == str(folder)

import os
import stat

import pandas as pd
import pytest
from pydantic import BaseModel, ConfigDict

from adl_jax import InputError
from adl_jax.tables import (
    Amount,
    Name,
    header_of,
    read_rows,
    write_table,
    written_whole,
)


class Row(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name
    amount: Amount
    note: str = ""


def write(folder, text):
    path = folder / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_reads_rows_in_order(tmp_path):
    path = write(tmp_path, "amount,name\n1.5,a\n2e3,b\n\n")
    rows = read_rows(path, Row)
    assert [(row.name, row.amount, row.note) for row in rows] == [
        ("a", 1.5, ""),
        ("b", 2000.0, ""),
    ]
    assert header_of(path) == ["amount", "name"]


def test_a_byte_order_mark_and_windows_lines_are_fine(tmp_path):
    path = write(tmp_path, b"\xef\xbb\xbfname,amount\r\na,1\r\n")
    assert read_rows(path, Row)[0].amount == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,amount\na,1\nb,x\n", ["row 2 (line 3)", "column amount", "'x'", "fix"]),
        (
            "name,amount\na,-1\n",
            ["row 1 (line 2)", "'-1'", "greater than or equal to 0"],
        ),
        ("name,amount\na,nan\n", ["row 1", "'nan'", "finite"]),
        ("name,amount\na,inf\n", ["row 1", "'inf'", "finite"]),
        ("name,amount\na,\n", ["row 1", "column amount", "''"]),
        ("name,amount\n,1\n", ["column name", "fill every row"]),
        ("name\na\n", ["'amount' is missing; fix: add it (the file has: name)"]),
        ("name;amount\na;1\n", ["separated by ';'; fix: separate them by ','"]),
        (
            "name,amount,amont\na,1,2\n",
            ["'amont' is not known", "did you mean 'amount'"],
        ),
        ("name,amount,x\na,1,2\n", ["'x' is not known", "remove it"]),
        ("name,amount,name\na,1,b\n", ["'name' stands 2 times"]),
        ("name,amount\na,1,2\n", ["line 2: 3 values for 2 columns"]),
        ("name,amount\n", ["no rows"]),
        ("", ["no rows"]),
        (b"name,amount\n\xff\xfe,1\n", ["not a CSV file in UTF-8"]),
        ('name,amount\n"a,1\n', ["not a CSV file"]),
    ],
)
def test_errors_name_the_place_the_value_and_the_fix(tmp_path, text, words):
    path = write(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read_rows(path, Row)
    assert str(caught.value).startswith(str(path))
    for word in words:
        assert word in str(caught.value)


def test_the_line_is_the_files_own_where_blank_lines_stand_between(tmp_path):
    path = write(tmp_path, "name,amount\n\na,1\n\nb,x\n")
    with pytest.raises(InputError, match=r"row 2 \(line 5\)"):
        read_rows(path, Row)


def test_all_errors_come_at_once_and_many_are_counted(tmp_path):
    path = write(tmp_path, "name,amount\n" + "a,x\n" * 30)
    with pytest.raises(InputError, match="30 problems") as caught:
        read_rows(path, Row)
    assert "row 20 (line 21)" in str(caught.value)
    assert "and 10 more" in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere.csv: no such file"):
        read_rows(tmp_path / "nowhere.csv", Row)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "out" / "file.txt"
    with written_whole(path) as temporary:
        temporary.write_text("old")
    assert stat.S_IMODE(path.stat().st_mode) & 0o444 == 0o444 & ~_umask()

    def fail():
        with written_whole(path) as temporary:
            temporary.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert path.read_text() == "old"
    assert [entry.name for entry in path.parent.iterdir()] == ["file.txt"]


def _umask():
    umask = os.umask(0)
    os.umask(umask)
    return umask


def test_tables_are_written_twice_and_read_back_equal(tmp_path):
    frame = pd.DataFrame({"name": ["a", "b"], "usd": [0.1, 1 / 3], "none": [None, 2.5]})
    csv, parquet = write_table(frame, tmp_path / "policies")
    assert (csv.suffix, parquet.suffix) == (".csv", ".parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(parquet), frame, check_dtype=False)
    pd.testing.assert_frame_equal(pd.read_csv(csv), frame, check_dtype=False)

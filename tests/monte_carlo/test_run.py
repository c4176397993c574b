"""The same rows whatever the batches, devices, processes, and kills."""

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pyarrow.parquet as pq
import pytest

import adl_jax
from adl_jax import InputError, Policy, ProRata, Queue, monte_carlo, read_results
from adl_jax._types import as_dtype
from adl_jax.monte_carlo import COLUMNS, choose_batch_size, scenario_key
from adl_jax.monte_carlo.rows import scenario_row
from adl_jax.monte_carlo.store import MANIFEST, Store
from adl_jax.scenario import scenarios
from adl_jax.severity import Fixed


KEY = jax.random.key(7)


def small(dtype=np.float64):
    return as_dtype(scenarios["default"](num_accounts=60), dtype)


def policies():
    return {
        "zero": Policy(Fixed(0.0), ProRata()),
        "queue": Policy(Fixed(1.0), Queue()),
        "pro_rata": Policy(Fixed(1.0), ProRata()),
    }


@pytest.fixture(scope="module")
def whole():
    """Eleven scenarios in memory, in batches of four."""
    return monte_carlo(KEY, small(), policies(), 11, batch_size=4)


def numbers(results, policy=None):
    frame = results.to_pandas()
    if policy is not None:
        frame = frame[frame["policy"] == policy]
    return frame.drop(columns="policy").to_numpy(np.float64)


def test_a_row_is_the_scenario_run_alone(whole):
    # By hand: the keys, one draw, one simulation, no batch.
    scenario = small()

    @eqx.filter_jit
    def alone(i):
        for_draw, for_run = scenario_key(KEY, i)
        book, market, shocks = scenario.sample(for_draw)
        policy = policies()["queue"]
        return scenario_row(for_run, book, market, scenario.venue, policy, shocks)

    frame = whole.to_pandas()
    for i in (0, 5, 10):
        expected = alone(jnp.asarray(i, jnp.int32))
        row = frame[(frame["scenario"] == i) & (frame["policy"] == "queue")].iloc[0]
        for column in COLUMNS:
            np.testing.assert_allclose(
                row[column], expected[column], rtol=1e-9, atol=1e-6, err_msg=column
            )


def test_things_happen_and_money_is_conserved(whole):
    assert (whole.column("insolvent")["zero"] > 0).any()
    assert (whole.column("unpaid")["zero"] > 0).any()
    assert (whole.column("executed")["queue"] > 0).any()
    assert (whole.column("executed")["zero"] == 0).all()
    for error in whole.column("cash_error").values():
        assert error.max() < 1e-12
    # Everybody meets the same books and paths.
    falls = whole.column("fall")
    np.testing.assert_array_equal(falls["zero"], falls["queue"])


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_rows_do_not_depend_on_the_batch_size(whole, batch_size):
    other = monte_carlo(KEY, small(), policies(), 11, batch_size=batch_size)
    # The order of sums within a batch may differ: some hundred roundings.
    np.testing.assert_allclose(numbers(other), numbers(whole), rtol=1e-11, atol=1e-6)


def test_rows_do_not_depend_on_the_other_policies(whole):
    queue = {"queue": policies()["queue"]}
    alone = monte_carlo(KEY, small(), queue, 11, batch_size=4)
    np.testing.assert_array_equal(numbers(alone), numbers(whole, "queue"))


def test_fewer_scenarios_are_the_first_of_more(whole):
    fewer = monte_carlo(KEY, small(), policies(), 5, batch_size=4)
    np.testing.assert_array_equal(numbers(fewer), numbers(whole)[:15])


def test_another_key_is_another_crash(whole):
    other = monte_carlo(jax.random.key(8), small(), policies(), 11, batch_size=4)
    assert (other.column("fall")["zero"] != whole.column("fall")["zero"]).all()


def test_a_folder_holds_the_same_rows_and_comes_back(whole, tmp_path):
    out = tmp_path / "run"
    results = monte_carlo(KEY, small(), policies(), 11, batch_size=4, out=out)
    assert results.to_pandas().equals(whole.to_pandas())
    assert read_results(out).to_pandas().equals(whole.to_pandas())
    assert sorted(path.name for path in out.iterdir()) == [
        "finished-0.json",
        "manifest.json",
        "rows-000000000000.parquet",
        "rows-000000000004.parquet",
        "rows-000000000008.parquet",
    ]
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["batch_size"] == 4
    assert manifest["policies"] == list(policies())


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("rows-*"))}


def test_a_resumed_run_ends_byte_identical(tmp_path):
    arguments = (KEY, small(), policies(), 11)
    monte_carlo(*arguments, batch_size=4, out=tmp_path / "whole")
    expected = contents(tmp_path / "whole")
    broken = tmp_path / "broken"
    monte_carlo(*arguments, batch_size=4, out=broken)
    (broken / "rows-000000000004.parquet").unlink()
    # What a killed process leaves behind.
    (broken / ".rows-000000000004-x.parquet").write_bytes(b"half")
    with pytest.raises(InputError, match=r"1 of 3 batches are missing.*--resume"):
        read_results(broken)
    # The batch size is kept, whatever memory says now.
    seen = []
    monte_carlo(*arguments, out=broken, resume=True, report=seen.append)
    assert [(now.done, now.computed) for now in seen] == [(4, 0), (8, 4), (11, 4)]
    assert contents(broken) == expected
    assert not list(broken.glob(".rows-*"))


def test_an_empty_folder_starts_fresh_with_resume(tmp_path):
    out = tmp_path / "new"
    out.mkdir()
    monte_carlo(KEY, small(), policies(), 2, batch_size=2, out=out, resume=True)
    assert len(contents(out)) == 1


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("finished") / "run"
    monte_carlo(KEY, small(), policies(), 4, batch_size=4, out=out)
    return out


def again(finished, **changes):
    arguments = {
        "key": KEY,
        "scenario": small(),
        "policies": policies(),
        "num_scenarios": 4,
        "batch_size": 4,
        "out": finished,
        "resume": True,
    }
    return monte_carlo(**(arguments | changes))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"resume": False}, "holds a run already"),
        ({"key": jax.random.key(1)}, "differs in key"),
        ({"num_scenarios": 8}, r"num_scenarios \(4 there, 8 now\)"),
        ({"batch_size": 2}, r"batch_size \(4 there, 2 now\)"),
        ({"policies": {"zero": policies()["zero"]}}, "differs in policies"),
        (
            {"policies": policies() | {"zero": Policy(Fixed(0.5), ProRata())}},
            "differs in policy_hashes",
        ),
        ({"policies": policies() | {"zero": Policy(Fixed(0.0), Queue())}}, "hashes"),
        ({"scenario": small(np.float32)}, "differs in dtype"),
        ({"configuration": {"name": "other"}}, "differs in configuration"),
    ],
)
def test_another_run_is_refused(finished, changes, says):
    before = contents(finished)
    with pytest.raises(InputError, match=says):
        again(finished, **changes)
    assert contents(finished) == before


def test_a_file_that_is_not_whole_is_refused(finished, tmp_path):
    flipped = lambda data: (
        data[:400] + bytes(b ^ 255 for b in data[400:410]) + data[410:]
    )
    for damage, says in (
        (lambda data: data[: len(data) // 2], "not a whole Parquet file"),
        (lambda data: b"", "not a whole Parquet file"),
        (flipped, "not a whole Parquet file"),
    ):
        out = tmp_path / str(len(list(tmp_path.iterdir())))
        out.mkdir()
        for path in finished.iterdir():
            (out / path.name).write_bytes(path.read_bytes())
        rows = out / "rows-000000000000.parquet"
        rows.write_bytes(damage(rows.read_bytes()))
        with pytest.raises(InputError, match=says):
            again(out)
        with pytest.raises(InputError, match=says):
            read_results(out)
    table = pq.read_table(finished / "rows-000000000000.parquet")
    pq.write_table(table.slice(0, 5), rows)
    with pytest.raises(InputError, match=r"has 5 rows, not 12.*delete it"):
        again(out)


def test_a_resumed_run_keeps_its_conservation_check(finished):
    note = finished / "finished-0.json"
    first = json.loads(note.read_text())
    again(finished)
    resumed = json.loads(note.read_text())
    worst = max(
        values.max() for values in read_results(finished).column("cash_error").values()
    )
    assert first["largest_cash_error"] == resumed["largest_cash_error"] == worst > 0
    assert resumed["computed_scenarios"] == resumed["dropped_rows"] == 0


def test_what_differs_is_named_with_both_values(finished, tmp_path):
    for path in finished.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["configuration"] = {"book": {"accounts": 60, "long": "x" * 300}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    now = {"book": {"accounts": 61, "long": "x" * 300}}
    with pytest.raises(InputError) as raised:
        again(tmp_path, configuration=now)
    assert "in configuration.book.accounts (60 there, 61 now)" in str(raised.value)


def test_other_processes_are_waited_for_as_long_as_they_write(finished, monkeypatch):
    # By its module: `adl_jax.monte_carlo` is the function.
    monkeypatch.setattr(sys.modules[Store.__module__], "PATIENCE", 0.3)
    store = Store(finished, json.loads((finished / MANIFEST).read_text()), resume=True)
    store.wait_for([0])
    with pytest.raises(InputError, match=r"1 batches of other .* scenario 4.*--resume"):
        store.wait_for([0, 4])


@pytest.mark.parametrize(
    ("text", "says"),
    [("{", "cannot be read"), ("{}", "has format None"), ("[]", "has format None")],
)
def test_a_manifest_of_something_else_is_refused(text, says, tmp_path):
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(InputError, match=says):
        read_results(tmp_path)


def test_a_folder_of_somebody_else_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(InputError, match="not empty, and no run of ours"):
        again(tmp_path, resume=False)
    with pytest.raises(InputError, match="not a folder"):
        again(tmp_path / "thesis.tex", resume=False)
    assert (tmp_path / "thesis.tex").read_text() == "mine"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"policies": {}}, "at least one policy"),
        ({"num_scenarios": 0}, "num_scenarios is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"policies": {"row": adl_jax.Recorded([1.0])}}, "recorded row"),
    ],
)
def test_bad_arguments_are_refused(changes, says, tmp_path):
    with pytest.raises(InputError, match=says):
        again(tmp_path / "x", resume=False, **changes)


def test_a_full_disk_fails_and_leaves_what_was_written(monkeypatch, tmp_path):
    written = pq.write_table

    def full(table, path, **options):
        if "000000000004" in str(path):
            raise OSError(28, "No space left on device", str(path))
        written(table, path, **options)

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(OSError, match="No space left"):
        monte_carlo(KEY, small(), policies(), 11, batch_size=4, out=tmp_path / "run")
    names = [path.name for path in (tmp_path / "run").iterdir()]
    assert sorted(names) == ["manifest.json", "rows-000000000000.parquet"]


def test_the_batch_size_is_a_power_of_two_that_fits():
    scenario = small()
    assert choose_batch_size(scenario, 10**6) == 4096
    assert choose_batch_size(scenario, 100) == 16
    assert choose_batch_size(scenario, 1) == 1
    large = scenarios["default"](num_accounts=1_000_000)
    size = choose_batch_size(large, 10**6)
    assert size < 4096
    assert size & (size - 1) == 0


def test_float32_rows_are_close_to_float64(whole):
    single = monte_carlo(KEY, small(np.float32), policies(), 11, batch_size=4)
    assert single.to_arrow().schema.field("unpaid").type == "float"
    # float32 draws are other numbers than float64's; what must hold is conservation.
    for error in single.column("cash_error").values():
        assert error.max() < 1e-5


SCRIPT = textwrap.dedent(
    """
    import sys
    import jax
    jax.config.update("jax_enable_x64", True)
    arguments = dict(argument.split("=") for argument in sys.argv[1:])
    if "devices" in arguments:
        jax.config.update("jax_num_cpu_devices", int(arguments["devices"]))
    if "process" in arguments:
        jax.distributed.initialize(
            "127.0.0.1:" + arguments["port"], 2, int(arguments["process"])
        )
    from adl_jax import monte_carlo
    from tests.monte_carlo.test_run import KEY, policies, small
    monte_carlo(
        jax.random.key(7), small(), policies(), int(arguments["count"]),
        batch_size=int(arguments["batch"]), out=arguments["out"],
        resume="resume" in arguments,
    )
    """
)


def start(**arguments):
    named = [f"{name}={value}" for name, value in arguments.items()]
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": os.getcwd()}
    return subprocess.Popen([sys.executable, "-c", SCRIPT, *named], env=environment)


def test_eight_devices_give_the_same_rows(whole, tmp_path):
    out = tmp_path / "run"
    assert start(devices=8, count=11, batch=8, out=out).wait(timeout=300) == 0
    np.testing.assert_allclose(
        numbers(read_results(out)), numbers(whole), rtol=1e-11, atol=1e-6
    )


def test_two_processes_share_a_folder(whole, tmp_path):
    out = tmp_path / "run"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    both = [start(process=i, port=port, count=11, batch=4, out=out) for i in (0, 1)]
    assert [process.wait(timeout=300) for process in both] == [0, 0]
    assert {path.name for path in out.glob("finished*")} == {
        "finished-0.json",
        "finished-1.json",
    }
    np.testing.assert_array_equal(numbers(read_results(out)), numbers(whole))


def test_a_killed_run_goes_on_byte_identical(tmp_path):
    arguments = {"count": 64, "batch": 2}
    killed = tmp_path / "killed"
    for _ in range(2):
        process = start(**arguments, out=killed, resume=1)
        had = len(contents(killed)) if killed.exists() else 0
        end = time.monotonic() + 240
        while time.monotonic() < end and process.poll() is None:
            if killed.exists() and len(contents(killed)) > had + 2:
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.01)
        process.wait(timeout=60)
    assert start(**arguments, out=killed, resume=1).wait(timeout=300) == 0
    assert start(**arguments, out=tmp_path / "whole").wait(timeout=300) == 0
    assert contents(killed) == contents(tmp_path / "whole")
    assert len(contents(killed)) == 32


def test_results_come_as_frames(whole):
    frame = whole.to_pandas()
    assert len(frame) == 33
    assert list(frame["scenario"].iloc[:4]) == [0, 0, 0, 1]
    assert "11 scenarios" in repr(whole)
    data = whole.to_xarray()
    assert data.sizes == {"scenario": 11, "policy": 3}
    alone = whole.column("unpaid")["queue"]
    np.testing.assert_array_equal(data["unpaid"].sel(policy="queue"), alone)

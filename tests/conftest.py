"""Every test runs in float64, under strict promotion, with warnings as errors."""

import os
import tempfile
from pathlib import Path

import jax
import pytest

from adl_jax.testing import make_rounds as make_rounds, round_fields as round_fields


# Tests compile the same programs many times, in several processes: once is enough.
CACHE = Path(tempfile.gettempdir()) / f"adl_jax-tests-{os.getuid()}-{jax.__version__}"
jax.config.update("jax_compilation_cache_dir", str(CACHE))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

OCT10 = Path(__file__).parents[2] / "shared" / "data" / "oct10"


def pytest_collection_modifyitems(items):
    if jax.default_backend() == "gpu":
        return
    skip = pytest.mark.skip(reason="needs a GPU: the default backend here is the CPU")
    for item in items:
        if "gpu" in item.keywords:
            item.add_marker(skip)


# Every compiled program is mapped into memory, and Linux allows a process 65,530 maps:
# past that the process dies (seen in CI after some 900 tests of one worker).
MAPS = Path("/proc/self/maps")
MOST_MAPS = 25_000
CHECK_EVERY = 5
_finished = 0


def pytest_runtest_teardown():
    global _finished
    _finished += 1
    if _finished % CHECK_EVERY == 0 and MAPS.exists():
        with MAPS.open("rb") as maps:
            if sum(1 for _ in maps) > MOST_MAPS:
                jax.clear_caches()


@pytest.fixture
def getkey():
    """A function that returns a new PRNG key at each call, from a fixed seed."""
    key = jax.random.key(20251010)

    def next_key():
        nonlocal key
        key, new = jax.random.split(key)
        return new

    return next_key


@pytest.fixture(scope="session")
def oct10():
    """The folder of public tables of the October 10 event; skips where absent."""
    if not OCT10.is_dir():
        pytest.skip(f"public tables not here: {OCT10} (see docs/data.md)")
    return OCT10


@pytest.fixture
def command_settings(monkeypatch):
    """Commands set jax up for themselves; here the devices exist already."""
    before = jax.config.values["jax_enable_x64"]
    devices = jax.config.jax_num_cpu_devices
    monkeypatch.setattr("adl_jax.cli.shared._processors", lambda: devices)
    yield
    jax.config.update("jax_enable_x64", before)

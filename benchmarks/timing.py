"""How the benchmarks time a compiled program and write down what they measured."""

import json
import platform
import statistics
import time

import equinox as eqx
import jax


def timed(repeats, function, *arguments):
    """Compiles once, then runs `repeats` times on placed inputs.

    Returns the compile time, the least and the median run time in seconds, and the value.
    """
    # Partitioned so that plain jit can lower, compile and run it by turns.
    arrays, static = eqx.partition(arguments, eqx.is_array_like)
    arrays = jax.device_put(arrays)
    program = jax.jit(lambda leaves: function(*eqx.combine(leaves, static)))
    start = time.perf_counter()
    compiled = program.lower(arrays).compile()
    compile_s = time.perf_counter() - start
    value = jax.block_until_ready(compiled(arrays))
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(compiled(arrays))
        times.append(time.perf_counter() - start)
    return compile_s, min(times), statistics.median(times), value


def write_report(path, settings, results):
    """Writes results as JSON with the device and the versions."""
    record = {
        **settings,
        "device": str(jax.devices()[0].device_kind),
        "backend": jax.default_backend(),
        "machine": f"{platform.machine()}, {jax.local_device_count()} device",
        "python": platform.python_version(),
        "jax": jax.__version__,
        "results": results,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")

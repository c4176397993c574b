"""How fast a Monte Carlo run is: round loops, whole runs, memory, devices, processes.

`python benchmarks/monte_carlo.py loops` times the round loop of every policy by number
of accounts, scenarios and dtype. `runs` times whole runs, files included, each in a
process of its own, whose peak memory is its own; `again` does so with programs that an
earlier run compiled. `scaling` adds devices and processes.
Results go to `benchmarks/results/monte_carlo_DEVICE.json`, a section at a time.
"""

import argparse
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax

import adl_jax
from adl_jax.bench import copy_bandwidth, machine, throughput
from adl_jax.config import build, changed, load


RESULTS = Path(__file__).parent / "results"
BARRED = ("pro_rata", "queue", "mirror_descent")


def configured(accounts=1000, dtype="float32", name="default"):
    """A built-in configuration's scenario and policies."""
    jax.config.update("jax_enable_x64", dtype == "float64")
    return build(changed(load(name), book={"accounts": accounts}, dtype=dtype))


def loops(arguments):
    """Round loops by accounts, scenarios and dtype, one program at a time."""
    results, bandwidth = [], copy_bandwidth()
    for accounts, scenarios, dtype in arguments.size:
        scenario, policies = configured(accounts, dtype)
        chosen = {name: policies[name] for name in arguments.policy}
        key = jax.random.key(0)
        found = throughput(key, scenario, chosen, scenarios, bandwidth=bandwidth)
        results += [result._asdict() for result in found]
        for result in found:
            print(
                f"{result.program:16} {accounts:7,} x {scenarios:6,} {dtype}: "
                f"{result.account_rounds_a_second:.3g} account-rounds/s, compiled in "
                f"{result.compile_s:.1f} s, {result.peak_bytes / 2**20:,.0f} MiB",
                flush=True,
            )
    return {"copy_bandwidth_bytes_a_second": bandwidth, "programs": results}


def runs(arguments):
    """Whole runs of one policy each: sampling, rounds, rows and files."""
    results = []
    for policy in arguments.policy:
        for count in arguments.scenarios:
            results.append(one_process(policy, count))
            print(results[-1], flush=True)
    return results


def again(arguments):
    """The same, with the programs that a first run has kept."""
    with tempfile.TemporaryDirectory() as programs:
        os.environ["JAX_COMPILATION_CACHE_DIR"] = programs
        os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
        runs(arguments)
        return runs(arguments)


def scaling(arguments):
    """The same run on one device and on all, in one process and in two."""
    policy, (count, *_) = arguments.policy[0], arguments.scenarios
    cores = os.cpu_count()
    results = [one_process(policy, count, devices=n) for n in (1, cores)]
    results.append(two_processes(policy, count))
    for result in results:
        print(result, flush=True)
    return results


SECTIONS = {"loops": loops, "runs": runs, "again": again, "scaling": scaling}


def command(policy, count, folder, *options):
    """The command line of a run in a process of its own."""
    script = [sys.executable, __file__, "child", "--policy", policy]
    return [*script, "--scenarios", str(count), "--out", folder, *map(str, options)]


def environment(devices):
    """One device a core on a CPU; on an accelerator what there is."""
    if jax.default_backend() != "cpu":
        return dict(os.environ)
    return os.environ | {"JAX_NUM_CPU_DEVICES": str(devices)}


def one_process(policy, count, devices=None):
    devices = os.cpu_count() if devices is None else devices
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            command(policy, count, folder),
            env=environment(devices),
            check=True,
            capture_output=True,
            text=True,
        )
    return {"processes": 1, **json.loads(done.stdout.splitlines()[-1])}


def two_processes(policy, count):
    """Two processes on loopback, one device each, that share a folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with tempfile.TemporaryDirectory() as folder:
        both = [
            subprocess.Popen(
                command(policy, count, folder, "--process", n, "--address", address),
                env=environment(1),
                stdout=subprocess.PIPE,
                text=True,
            )
            for n in (0, 1)
        ]
        found = [json.loads(each.communicate()[0].splitlines()[-1]) for each in both]
    slowest = max(found, key=lambda each: each["seconds"])
    return {"processes": 2, **slowest}


def child(arguments):
    """One run; the last line of what it prints is what it measured."""
    if arguments.address is not None:
        jax.distributed.initialize(arguments.address, 2, arguments.process)
    scenario, policies = configured(arguments.accounts)
    (name,), (count,) = arguments.policy, arguments.scenarios
    chosen = {name: policies[name]}
    key = jax.random.key(0)
    first = []
    began = time.perf_counter()
    results = adl_jax.monte_carlo(
        key,
        scenario,
        chosen,
        count,
        batch_size=arguments.batch_size,
        out=arguments.out,
        report=lambda progress: first.append((time.perf_counter(), progress.done)),
    )
    ran = time.perf_counter()
    peak = peak_bytes()
    summary = adl_jax.summarise(results)
    ended = time.perf_counter()
    rounds = arguments.accounts * scenario.num_rounds
    # The first batch compiles; the rate is that of the others.
    (start, begun), (stop, done) = first[0], first[-1]
    rate = (done - begun) / (stop - start) if done > begun else None
    print(
        json.dumps(
            {
                "policy": name,
                "scenarios": count,
                "accounts": arguments.accounts,
                "batch_size": results.manifest["batch_size"],
                "devices": jax.local_device_count(),
                "seconds": ran - began,
                "first_batch_s": start - began,
                "summary_s": ended - ran,
                "account_rounds_a_second": rounds * count / (ended - began),
                "account_rounds_a_second_once_compiled": rate and rounds * rate,
                "peak_bytes": peak,
                "peak_bytes_with_summary": peak_bytes(),
                "figures": len(summary),
            }
        )
    )


def peak_bytes():
    """The most memory that this process has held so far."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def kept(section, found):
    """Writes a section of the results beside those that are there."""
    kind = machine()["device"].lower().replace(" ", "_")
    path = RESULTS / f"monte_carlo_{kind}.json"
    there = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    there[section] = {"machine": machine(), "results": found}
    RESULTS.mkdir(exist_ok=True)
    path.write_text(json.dumps(there, indent=2) + "\n", encoding="utf-8")
    return path


def size(text):
    """ACCOUNTSxSCENARIOSxDTYPE."""
    accounts, scenarios, dtype = text.split("x")
    return int(accounts), int(scenarios), dtype


def main():
    """Measures one section, or runs one child."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("section", choices=(*SECTIONS, "child"))
    parser.add_argument(
        "--size",
        nargs="+",
        type=size,
        default=[
            *((1000, 4096, "float32"), (1000, 4096, "float64")),
            *((10_000, 256, "float32"), (100_000, 16, "float32")),
        ],
    )
    parser.add_argument("--policy", nargs="+", default=BARRED)
    parser.add_argument("--scenarios", nargs="+", type=int, default=[100_000])
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--out")
    parser.add_argument("--address")
    parser.add_argument("--process", type=int)
    arguments = parser.parse_args()
    if arguments.section == "child":
        child(arguments)
        return
    jax.config.update("jax_num_cpu_devices", os.cpu_count())
    print(kept(arguments.section, SECTIONS[arguments.section](arguments)))


if __name__ == "__main__":
    main()

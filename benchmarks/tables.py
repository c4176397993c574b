"""The tables of docs/performance.md, from what the benchmarks have measured.

`python benchmarks/tables.py` writes them; tests/test_performance_page.py holds the page
to the results. A benchmark that has not been run has no table, and says how to run it.
"""

import json
import re
from collections import defaultdict
from itertools import groupby
from pathlib import Path


ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"
RESULTS = ROOT / "benchmarks" / "results"


def number(value, digits=3):
    """A few digits: 0.0264, 1,270, 2.87e8."""
    if value is None:
        return ""
    if abs(value) >= 1e6:
        return f"{value:.{digits - 1}e}".replace("e+0", "e").replace("e+", "e")
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def milliseconds(seconds):
    return number(1e3 * seconds)


def share(value):
    return "" if value is None else f"{100 * value:.0f} %"


def mebibytes(value):
    return number(value / 2**20)


def table(head, rows):
    """Markdown; the first column to the left, numbers to the right."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"


def where(record):
    """One line: what it ran on, and the versions."""
    versions = {name: record[name] for name in ("python", "jax") if name in record}
    versions |= record.get("versions", {})
    listed = ", ".join(f"{name} {number}" for name, number in versions.items())
    machine = record.get("machine") or " ".join(
        f"{record[count]} {count if record[count] != 1 else count[:-1]}"
        for count in ("devices", "cores")
        if count in record
    )
    # "2 device", as `timing.write_report` has it.
    machine = re.sub(r"([^1]) device$", r"\1 devices", machine)
    return f"{record['device']}, {machine}; {listed}.\n"


def read(name):
    """Every result of a benchmark, one a device."""
    found = sorted(RESULTS.glob(f"{name}_*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in found]


def sections(name, part, show):
    """A part of every device's result, each under the line that says where it ran."""
    records = [record[part] for record in read(name) if part in record]
    return [where(r["machine"]) + "\n" + show(r["results"]) for r in records]


def results(name, show):
    """The same for a benchmark whose result is one part."""
    return [where(r) + "\n" + show(r) for r in read(name)]


def peers(record):
    """One table for each workload and size, and how far the programs differ."""
    found = record["results"]
    key = lambda row: (row["workload"], row["accounts"], row["scenarios"])
    text = ""
    for (workload, accounts, scenarios), rows in groupby(found["timings"], key):
        rows = list(rows)
        title = (
            f"**{workload}**, {accounts:,} accounts x {rows[0]['rounds']} rounds x "
            f"{scenarios:,} scenarios; in {share(rows[0]['active_share'])} of rounds "
            f"anybody is liquidated or a debt stands, in "
            f"{share(rows[0]['deficit_share'])} there is a deficit:\n\n"
        )
        head = ["", "least ms", "median ms", "processor ms", "account-rounds/s"]
        text += title + table(
            [*head, "time over adl_jax's", "processor time over adl_jax's"],
            [
                [
                    row["program"],
                    *(milliseconds(row[name]) for name in ("least_s", "median_s")),
                    milliseconds(row["least_processor_s"]),
                    number(row["account_rounds_a_second"]),
                    number(row["times_adl_jax"], 2),
                    number(row["processor_times_adl_jax"], 2),
                ]
                for row in rows
            ],
        )
        text += "\n"
    worst = {
        dtype: max(
            program["difference"]
            for row in found["agreement"]
            if row["dtype"] == dtype
            for program in row["programs"].values()
        )
        for dtype in ("float64", "float32")
    }
    beside = [row for row in found["timings"] if row["program"] != "adl_jax"]
    beyond = sum(row["beyond"] for row in beside)
    compared = sum(row["scenarios"] for row in beside)
    return text + (
        f"{record['dtype']}, {record['repeats']} turns, load average "
        f"{record['load_average']:.1f}. Before that, on "
        f"{found['agreement'][0]['scenarios']} scenarios of each workload, results "
        f"differ by at most {worst['float64']:.0e} in float64 and "
        f"{worst['float32']:.0e} in float32; where they were timed, by more than 1e-4 in "
        f"{beyond} of {compared:,} scenarios.\n"
    )


def loops(found):
    """Round loops by program and size."""
    head = ["", "accounts", "scenarios", "dtype", "account-rounds/s", "rounds active"]
    return table(
        [*head, "with a deficit", "compiling s", "program MiB", "of copy bandwidth"],
        [
            [
                f"`{row['program']}`",
                *(f"{row['accounts']:,}", f"{row['scenarios']:,}", row["dtype"]),
                number(row["account_rounds_a_second"]),
                *(share(row["active_share"]), share(row["deficit_share"])),
                f"{row['compile_s']:.1f}",
                mebibytes(row["peak_bytes"]),
                share(row["bandwidth_share"]),
            ]
            for row in found["programs"]
        ],
    )


def runs(found):
    """Whole runs, files and summary included."""
    head = ["", "scenarios", "accounts", "batch", "processes x devices", "seconds"]
    return table(
        [
            *head,
            "first batch s",
            "summary s",
            "account-rounds/s",
            "once compiled",
            "process MiB",
        ],
        [
            [
                f"`{row['policy']}`",
                *(f"{row[name]:,}" for name in ("scenarios", "accounts", "batch_size")),
                f"{row['processes']} x {row['devices']}",
                *(
                    number(row[name])
                    for name in ("seconds", "first_batch_s", "summary_s")
                ),
                number(row["account_rounds_a_second"]),
                number(row["account_rounds_a_second_once_compiled"]),
                mebibytes(row["peak_bytes"]),
            ]
            for row in found
        ],
    )


def simulator(record):
    """One book by size, the event engine beside it, and a book of a real venue's size."""
    found = record["results"]
    times = defaultdict(dict)
    cores = {"map": "one core", "split": "every core"}
    for row in found["crash"]:
        name = f"`{row['policy']}`, {cores[row['over_paths']]}"
        times[name][row["accounts"]] = row["nanoseconds_an_account_round"]
    for row in found.get("event_engine", ()):
        name = f"{row['engine']}, one core"
        times[name][row["accounts"]] = row["nanoseconds_an_account_round"]
    sizes = sorted({size for row in times.values() for size in row})
    text = "A crash of 16 rounds, nanoseconds an account and round, by accounts:\n\n"
    text += table(
        ["", *(f"{size:,}" for size in sizes)],
        [
            [name, *(number(row.get(size)) for size in sizes)]
            for name, row in times.items()
        ],
    )
    text += "\nNobody under margin; and a book of a real venue's size in a crash:\n\n"
    head = ["", "accounts", "positions", "markets", "paths", "rounds", "scenarios are"]
    return text + table(
        [*head, "seconds", "account-rounds/s"],
        [
            [
                f"`{row['policy']}`",
                *(
                    f"{row[name]:,}"
                    for name in ("accounts", "positions", "markets", "paths", "rounds")
                ),
                {"vmap": "side by side", "map": "one by one"}.get(
                    row["over_paths"], "one by one, every core"
                ),
                number(row["least_s"]),
                number(row["account_steps_a_second"]),
            ]
            for row in (*found["quiet"], *found["real_size"])
        ],
    )


def allocation(record):
    """Kernels and their peers, 256 books at once in float32."""
    times = defaultdict(dict)
    for row in record["rows"]:
        if (row.get("batch"), row.get("dtype")) == (256, "float32"):
            times[row["name"]][row["n"]] = row["min_s"]
    sizes = sorted({size for row in times.values() for size in row})
    return "Milliseconds for 256 books, by accounts, float32:\n\n" + table(
        ["", *(f"{size:,}" for size in sizes)],
        [
            [f"`{name}`", *(milliseconds(row[s]) if s in row else "" for s in sizes)]
            for name, row in times.items()
        ],
    )


def online(record):
    """Learners."""
    return table(
        ["", "least ms", "median ms", "compiling s"],
        [
            [
                row["case"],
                *(number(row[name]) for name in ("least_ms", "median_ms")),
                f"{row['compile_s']:.1f}",
            ]
            for row in record["results"]
        ],
    )


def gradient(record):
    """What a reverse pass keeps, against the forward pass alone."""
    return (
        f"{record['scenarios']} scenarios of {record['accounts']:,} accounts:\n\n"
        + table(
            ["", "rounds", "least ms", "times forward", "MiB beside in and output"],
            [
                [
                    f"`{name}`",
                    f"{result['rounds']:,}",
                    milliseconds(row["least_s"]),
                    number(row.get("times_forward", 1.0), 2),
                    mebibytes(row["temporary_bytes"]),
                ]
                for result in record["results"]
                for name, row in result["rows"].items()
            ],
        )
    )


def generated():
    """Every table by its marker, and the command that measures what it shows."""
    tables = {
        "peers": (results("peers", peers), "peers.py"),
        "loops": (sections("monte_carlo", "loops", loops), "monte_carlo.py loops"),
        "runs": (sections("monte_carlo", "runs", runs), "monte_carlo.py runs"),
        "again": (sections("monte_carlo", "again", runs), "monte_carlo.py again"),
        "scaling": (sections("monte_carlo", "scaling", runs), "monte_carlo.py scaling"),
        "simulator": (results("simulate", simulator), "simulate.py"),
        "allocation": (results("allocation", allocation), "allocation.py"),
        "online": (results("online", online), "online.py"),
        "gradient": (results("gradient", gradient), "gradient.py"),
    }
    return {
        name: f"`python benchmarks/{command}`\n\n"
        + ("\n".join(found) if found else "Not measured yet.\n")
        for name, (found, command) in tables.items()
    }


def with_parts(page, parts):
    """A page with its generated parts replaced: text by the name in its markers."""
    for name, text in parts.items():
        start, end = f"<!-- {name}: generated -->\n", f"<!-- {name}: end -->\n"
        between = re.compile(re.escape(start) + ".*?" + re.escape(end), re.DOTALL)
        new = f"{start}\n{text}\n{end}"
        page, count = between.subn(lambda _, new=new: new, page)
        if count != 1:
            raise ValueError(f"the page has no place for {name!r}")
    return page


def written(page):
    """The page with its tables replaced."""
    return with_parts(page, generated())


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(written(page), encoding="utf-8")

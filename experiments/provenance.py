"""What a result was made with: commit, versions, device."""

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import jax


PACKAGES = ("adl-jax", "jax", "jaxlib", "equinox", "optax", "numpy")


def provenance() -> dict[str, object]:
    """Plain values for the head of a result file.

    `commit` is the last one when a run started, and `None` outside a repository.
    """
    described = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    device = jax.devices()[0]
    return {
        "commit": described.stdout.strip() or None,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "backend": device.platform,
        "device": device.device_kind,
        "machine": f"{platform.machine()}, {len(jax.devices())} device",
    }

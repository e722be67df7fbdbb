"""The pipeline as a user starts it, for benchmarks of what it finds."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def run_pipeline(folder: Path, *arguments: str | Path) -> None:
    """Run this checkout's workflow in a working folder on all cores; what is made stays.

    Raises:
        CalledProcessError: it failed.

    """
    snakemake = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder]
    cores = ["--cores", str(os.cpu_count()), "--resources", f"gpu={os.cpu_count()}"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run([*snakemake, *cores, *arguments], env=os.environ | {"PATH": path}, check=True)

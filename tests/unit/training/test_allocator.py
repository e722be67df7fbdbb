import platform
import subprocess
import sys

import pytest


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_large_blocks_that_a_run_has_freed_come_back_without_page_faults():
    """A block of 64 MB has 16,384 pages, each of which costs a fault where it comes from the kernel.

    A small block may have been taken out of a large one that was freed, so that the next one is a new one too.
    """
    code = (
        "import resource, torch\n"
        "from workflow_scripts.training.run.allocator import keep_freed_memory\n"
        "def faults():\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    torch.zeros(1 << 24).add_(1)\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before\n"
        "faults()\n"
        "print(min(faults() for _ in range(10)))\n"
        "keep_freed_memory()\n"
        "print(min(faults() for _ in range(10)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    anew, kept = map(int, done.stdout.split())
    assert anew > 16_000
    assert kept < 100

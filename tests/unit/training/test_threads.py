import os
import subprocess
import sys


def test_a_run_keeps_every_library_to_one_thread_whatever_the_environment_says():
    code = (
        "import torch, numpy\n"
        "from threadpoolctl import threadpool_info\n"
        "from workflow_scripts.training.run.threads import pin_threads\n"
        "assert torch.get_num_threads() == 2\n"
        "pin_threads()\n"
        "assert torch.get_num_threads() == 1\n"
        "pools = threadpool_info()\n"
        "assert pools and all(pool['num_threads'] == 1 for pool in pools), pools\n"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

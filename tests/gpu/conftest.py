import os

from tests.unit.training.conftest import fold

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what must repeat itself asks for it; CUDA reads it once

__all__ = ["fold"]

"""The stages of the pipeline: each room holds its verbs (one module a rule) and their nouns."""

import sys
from importlib.util import find_spec

if sys.argv[:1] == ["-m"] and find_spec("tyro") is None:
    sys.exit(
        f"foldsweep's packages are not in {sys.executable}: `make setup` puts them into .venv, and "
        "`source .venv/bin/activate` makes its python the one that you type"
    )

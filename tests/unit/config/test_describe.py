"""Schema and docs are made from the settings' models, and are current."""

import subprocess
import sys

import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

from workflow_scripts.config.describe import BEGIN, END, schema_text, tables

RENEW = "renew it with: make schema"


@pytest.fixture
def root(request):
    return request.config.rootpath


def test_the_schema_that_editors_read_is_current(root):
    assert (root / "schemas/config.schema.yaml").read_text(encoding="utf-8") == schema_text(), RENEW


def test_the_tables_of_the_docs_are_current(root):
    page = (root / "docs/configuration.md").read_text(encoding="utf-8")
    assert page.partition(BEGIN)[2].partition(END)[0].strip() == tables().strip(), RENEW


@pytest.mark.parametrize("name", ["config.yaml", "config.leaderboard.yaml"])
def test_the_shipped_configurations_are_what_the_schema_allows(root, name):
    config = yaml.safe_load((root / name).read_text(encoding="utf-8").replace("2012-01-03", "'2012-01-03'"))
    for market in config["markets"].values():
        market["test_start"] = str(market["test_start"])
    schema = Draft202012Validator(yaml.safe_load(schema_text()))
    schema.validate(config)
    for path, value in ((("seedz",), {}), (("sweeps", "ppo_smac", "eta"), 3), (("seeds", "tuning"), [-1])):
        *parents, last = path
        holder = config
        for key in parents:
            holder = holder[key]
        holder[last], before = value, holder.get(last)
        with pytest.raises(ValidationError):
            schema.validate(config)
        holder.pop(last) if before is None else holder.update({last: before})


def test_what_snakemakes_process_imports_is_light(root):
    show = "import sys, workflow_scripts.config.model; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", show], cwd=root, capture_output=True, text=True, check=True).stdout
    heavy = {
        "torch",
        "elegantrl",
        "smac",
        "dehb",
        "optuna",
        "ConfigSpace",
        "sklearn",
        "skfolio",
        "scipy",
        "numba",
        "tyro",
    }
    assert heavy & set(said.split()) == set()

"""The profiles, as far as that can be said without a cluster; tests/cluster runs the other half."""

import re

import yaml


def profile(request, name):
    return yaml.safe_load((request.config.rootpath / name / "config.yaml").read_text())


def test_no_key_of_the_cluster_is_overridden_by_the_profile_that_snakemake_loads_by_itself(request):
    assert not profile(request, "slurm").keys() & profile(request, "profiles/default").keys()


def test_every_rule_that_trains_asks_the_cluster_for_a_gpu_and_no_other_does(request):
    rules = {path.stem: path.read_text() for path in (request.config.rootpath / "rules").glob("*.smk")}
    trains = {text for text in re.split(r"\n(?=rule )", rules["training"]) if "gpu=GPUS" in text}
    names = {re.search(r"rule (\w+):", text)[1] for text in trains}
    names |= set(re.findall(r"use rule train_agent as (\w+) with", rules["training"]))
    assert names == {"train_agent", "continue_agent", "backtest_incumbent"}
    asked = profile(request, "slurm")["set-resources"]
    assert {name for name, resources in asked.items() if resources.get("gpu") == 1} == names
    assert {name for name, resources in asked.items() if "gpu_model" in resources} == names

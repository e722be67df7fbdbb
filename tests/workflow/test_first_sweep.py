"""The commands of docs/first_sweep.md, one after the other, on a market of toys in place of the shipped one."""

import os
import re
import shutil
import subprocess

import pytest
import yaml

from tests.workflow.toy import ROOT

STEP = re.compile(r"^```(sh|yaml)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SMALL = {"rounds": 1, "round_size": 2, "budget": 64}


@pytest.fixture
def checkout(toy):
    """The toy with the names of the shipped configuration, and what make needs."""
    toy.config["markets"] = {"sp500_sample": toy.config["markets"]["toy"]}
    toy.config["sweeps"]["ppo_smac"] |= {"market": "sp500_sample", **SMALL}
    toy.config["folds"]["count"] = 1
    toy.write_config()
    for name in ("Makefile", "requirements.txt", "requirements-no-deps.txt"):
        shutil.copy2(ROOT / name, toy.folder / name)
        os.utime(toy.folder / name, (0, 0))  # older than the environment, which is not to be made anew
    (toy.folder / ".venv").symlink_to(ROOT / ".venv")
    return toy


@pytest.mark.slow
def test_every_command_of_the_page_does_what_the_page_says(checkout):
    screens = []
    for kind, text in STEP.findall((ROOT / "docs/first_sweep.md").read_text(encoding="utf-8")):
        if kind == "yaml":
            put_into(checkout, yaml.safe_load(text))
            continue
        for command in text.splitlines():
            done = subprocess.run(
                command, shell=True, cwd=checkout.folder, capture_output=True, text=True, encoding="utf-8", check=False
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
            screens.append((command, done.stdout))
    commands = [command for command, _ in screens]
    assert [command for command in commands if command == "make run"] == ["make run"] * 3
    first, *_, last = [screen for command, screen in screens if command == "make run"]
    assert "report.html" in first
    assert "mine_ppo" in last
    explained = dict(screens)["make explain"]
    assert "ppo_random" in explained or "train_agent" in explained
    results = checkout.folder / "results"
    assert {path.name for path in (results / "sweeps").iterdir()} == {"ppo_smac", "ppo_random", "mine_ppo"}
    assert "ppo_random" in (results / "leaderboard.csv").read_text(encoding="utf-8")


def put_into(checkout, addition):
    """Add what the page shows to the configuration, at the toy's size and with the toy's prices."""
    for market in addition.get("markets", {}).values():
        toys = checkout.config["markets"]["sp500_sample"]
        market |= {key: toys[key] for key in ("test_start", "end")}
    for sweep in addition["sweeps"].values():
        sweep |= SMALL
    for part in ("markets", "sweeps"):
        checkout.config[part] |= addition.get(part, {})
    checkout.write_config()

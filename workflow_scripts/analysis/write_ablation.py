"""Write a configuration that trains the path from a sweep's default to its incumbent: what make ablation runs."""

import sys
from pathlib import Path

import yaml

from workflow_scripts.analysis.ablation import SUFFIX, ablation_path, why_no_path
from workflow_scripts.analysis.report.tree import read_sweeps
from workflow_scripts.config.yaml_files import load_yaml
from workflow_scripts.sweeps.search_space import build_space, is_forbidden
from workflow_scripts.training.agents.base import agent_of
from workflow_scripts.workflow.files import write_text
from workflow_scripts.workflow.jobs import command_line
from workflow_scripts.workflow.paths import root_of

KEPT = ("agent", "market", "search_space", "objective")


def write_ablation(
    sweep: str, ablation: Path, results: Path = Path("results"), config: Path = Path("config.yaml")
) -> None:
    """Write the configuration with one sweep, which judges what of the path was not trained yet.

    Steps whose batch, horizon and repeats leave no update cannot be trained, and are left out.

    Args:
        sweep: the sweep.
        ablation: the configuration to write.
        results: the folder of the results.
        config: the configuration that the sweep stands in.

    """
    settings = load_yaml(config)
    if sweep not in settings["sweeps"]:
        sys.exit(f"{config} has no sweep {sweep}: name one of {', '.join(settings['sweeps'])}")
    if (windows := settings.get("test", {}).get("windows", 1)) > 1:
        sys.exit(f"{sweep} has an incumbent before each of {windows} windows of the test days: there is no one path")
    (found,) = read_sweeps(root_of(results), [sweep])
    if reason := why_no_path(found):
        sys.exit(f"{sweep} has no path from its default to its incumbent: {reason}")
    path = ablation_path(found)
    agent = agent_of(settings["sweeps"][sweep]["agent"])
    space = build_space(found.space, agent)
    steps = [step.configuration for step in path if step.score is None]
    missing = [configuration for configuration in steps if not is_forbidden(space, configuration)]
    if steps and not missing:
        sys.exit(f"between the default and the incumbent of {sweep} stand only configurations that leave no update")
    if not missing:
        sys.exit(f"every configuration between the default and the incumbent of {sweep} has been trained")
    block = {key: settings["sweeps"][sweep][key] for key in KEPT if key in settings["sweeps"][sweep]}
    block |= {"optimizer": "manual", "rounds": 1, "round_size": len(missing), "configurations": missing}
    settings["sweeps"] = {sweep + SUFFIX: block | {"budget": found.incumbent.budget if found.incumbent else None}}
    settings["backtest"] = (settings.get("backtest") or {}) | {"top": 1}
    settings.pop("orders", None)  # they may name a sweep that is not here
    write_text(ablation, yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))


if __name__ == "__main__":
    command_line(write_ablation)

"""Print where the results are, the incumbent of each sweep, and the sentence of its verdict."""

from pathlib import Path

import yaml

from workflow_scripts.workflow.files import read_json
from workflow_scripts.workflow.jobs import command_line


def summarise_results(results: Path, sweeps: tuple[str, ...] = ()) -> None:
    """Print the report's path and, for each sweep, its incumbent and its verdict.

    Args:
        results: the folder of the results.
        sweeps: names of the sweeps; none takes all that have a verdict.

    """
    names = sweeps or tuple(sorted(path.parent.name for path in results.glob("sweeps/*/verdict.json")))
    for name in names:
        folder = results / "sweeps" / name
        verdict = read_json(folder / "verdict.json")
        best = yaml.safe_load((folder / "incumbent.yaml").read_text(encoding="utf-8"))[0]
        print(f"\n{name}")
        print(f"  incumbent: round {best['round']}, trial {best['trial']}, validation Sharpe {best['score']:.2f}")
        print(f"  {', '.join(f'{key}={value:.4g}' for key, value in best['configuration'].items())}")
        print(f"  verdict: {verdict['sentence']}")
    print(f"\nreport: {results / 'report.html'}")


if __name__ == "__main__":
    command_line(summarise_results)

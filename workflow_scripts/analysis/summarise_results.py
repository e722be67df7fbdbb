"""Print each sweep's three answers and incumbent, what was found where the truth is known, and the report's path."""

from pathlib import Path

import yaml

from workflow_scripts.analysis.known_truth import known_truths
from workflow_scripts.workflow.files import read_json
from workflow_scripts.workflow.jobs import command_line


def summarise_results(results: Path, sweeps: tuple[str, ...] = ()) -> None:
    """Print, for each sweep, the answer to skill first, then tuning and luck of selection, and its incumbent.

    Args:
        results: the folder of the results.
        sweeps: names of the sweeps; none takes all that have a verdict.

    """
    names = sweeps or tuple(sorted(path.parent.name for path in results.glob("sweeps/*/verdict.json")))
    for name in names:
        folder = results / "sweeps" / name
        verdict = read_json(folder / "verdict.json")
        print(f"\n{name}")
        for question in ("skill", "tuning", "selection"):
            print(f"  {question + ':':<10} {verdict[question]['sentence']}")
        for window in verdict.get("windows", [verdict]):
            of = folder.with_name(window["sweep"])
            best = yaml.safe_load((of / "incumbent.yaml").read_text(encoding="utf-8"))[0]
            before = f" before {window['test']['first_day']}" if of != folder else ""
            print(
                f"  incumbent{before}: round {best['round']}, trial {best['trial']}, "
                f"validation score {best['score']:.2f}"
            )
            print(f"             {', '.join(f'{key}={value:.4g}' for key, value in best['configuration'].items())}")
    for number, known in enumerate(known_truths(results)):
        if not number:
            print("\nthe same settings where the truth is known")
        print(f"  {known.title}. {known.sentence}")
    print(f"\nreport: {results / 'report.html'}")


if __name__ == "__main__":
    command_line(summarise_results)

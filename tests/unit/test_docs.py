"""README and docs say what holds: their links lead somewhere, their commands exist, their examples can be read."""

import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
import yaml

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
TARGET = re.compile(r"\bmake ((?:[a-z][a-z0-9-]*)(?: [a-z][a-z0-9-]*)*)")
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    *(
        f"docs/{name}.md"
        for name in (
            "index",
            "first_sweep",
            "verdict",
            "results",
            "report",
            "exports",
            "orders",
            "agents",
            "optimizers",
            "markets",
            "configuration",
            "running",
            "controls",
            "breaking",
            "troubles",
            "developing",
            "other_tools",
        )
    ),
]


@pytest.fixture
def root(request):
    return request.config.rootpath


@pytest.fixture(params=PAGES)
def page(request, root):
    return root / request.param


def fences(text, language):
    return [body for name, body in FENCE.findall(text) if name == language]


def anchors(text):
    """GitHub's and mkdocs' names of a page's headings, which are the same for headings of words."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_has_at_most_250_lines(root):
    assert len((root / "README.md").read_text(encoding="utf-8").splitlines()) <= 250


def test_every_page_of_docs_is_tested_here_and_in_the_site(root):
    site = yaml.safe_load((root / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    pages = [next(iter(entry.values())) if isinstance(entry, dict) else entry for entry in site]
    there = sorted(path.name for path in (root / "docs").glob("*.md"))
    assert sorted(pages) == there
    assert sorted(page.removeprefix("docs/") for page in PAGES if page.startswith("docs/")) == there


def test_every_link_and_picture_leads_somewhere(page):
    for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if target.startswith(("https://", "http://")):
            continue
        name, _, anchor = target.partition("#")
        found = page.parent / name if name else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found.read_text(encoding="utf-8")), target


def test_pages_of_docs_link_to_pages_of_docs_alone(root):
    for path in (root / "docs").glob("*.md"):
        assert "](../" not in path.read_text(encoding="utf-8"), f"{path.name}: the site holds docs/ and nothing else"


def test_every_make_target_that_is_named_exists(root, page):
    targets = re.findall(r"^([a-z][a-z0-9-]*):", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    text = page.read_text(encoding="utf-8")
    spoken = "\n".join([*re.findall(r"`([^`\n]+)`", FENCE.sub("", text)), *fences(text, "sh")])
    for names in TARGET.findall(spoken):
        assert set(names.split()) <= set(targets), f"make {names}"


def test_make_help_has_a_line_for_every_command(root):
    targets = re.findall(r"^([a-z][a-z0-9-]*):", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    done = subprocess.run(["make", "help"], cwd=root, capture_output=True, text=True, check=True)
    lines = dict(re.findall(r"^make ([a-z0-9-]+) +(\S.*)$", done.stdout, re.MULTILINE))
    assert list(lines) == targets
    assert {"run", "plan", "watch", "report", "explain", "resume", "adopt", "diff", "test", "clean"} <= lines.keys()


@pytest.mark.parametrize(
    ("command", "targets"),
    [
        ("run", set()),
        ("plan", {"plan"}),
        ("explain", set()),
        ("diff MARKET=toy", {"results/markets/toy/data.diff.json"}),
    ],
)
def test_snakemake_understands_what_make_asks_of_it(root, command, targets):
    from snakemake.cli import parse_args

    done = subprocess.run(
        ["make", "-n", "-o", "setup", *command.split()], cwd=root, capture_output=True, text=True, check=True
    )
    asked = next(line for line in done.stdout.splitlines() if "/snakemake " in line)
    _, arguments = parse_args(shlex.split(asked.partition("/snakemake ")[2]))
    assert set(arguments.targets) == targets
    assert arguments.cores >= 1


def test_every_example_of_yaml_can_be_read(page):
    for example in fences(page.read_text(encoding="utf-8"), "yaml"):
        assert isinstance(yaml.safe_load(example), dict), example


def test_every_example_of_python_can_be_read(page):
    for example in fences(page.read_text(encoding="utf-8"), "python"):
        if not example.startswith("# Snakefile"):
            compile(example, page.name, "exec")


def test_words_that_are_gone_are_in_no_page(page):
    text = page.read_text(encoding="utf-8")
    gone = [word for word in ("the plan's", "plan's form", 'source: "null"', "`null`, synthetic") if word in text]
    assert not gone
    assert not re.search(r"source: null\b", text)


def test_a_file_of_citation_and_the_package_have_one_version(root):
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    assert f'version = "{citation["version"]}"' in (root / "pyproject.toml").read_text(encoding="utf-8")


def test_what_stands_in_place_of_another_tools_key_is_a_key_or_a_file_of_ours(root):
    """The tables of other_tools.md, against the generated table of keys and the pages on files and commands."""
    ours = "".join((root / f"docs/{name}.md").read_text(encoding="utf-8") for name in ("configuration", "results"))
    known = set(re.findall(r"\w+", ours)) | {"NAME", "AAPL", "N", "cores", "jobs", "profile", "slurm"}
    text = (root / "docs/other_tools.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ") and "foldsweep" not in line]
    assert len(rows) > 60
    for row in rows:
        words = set(re.findall(r"[^\W\d]\w*", " ".join(re.findall(r"`([^`]+)`", row[1]))))
        assert words <= known, f"{row[0]}: {words - known}"


@pytest.mark.parametrize(
    "name", [".pre-commit-config.yaml", ".snakemake-workflow-catalog.yml", ".github/workflows/ci.yml"]
)
def test_files_for_others_tools_are_yaml(root, name):
    assert yaml.safe_load((root / name).read_text(encoding="utf-8"))


def test_ci_runs_what_a_change_has_to_pass_on_both_versions_of_python(root):
    job = yaml.safe_load((root / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]["ci"]
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12"]
    assert any(step.get("run") == ".ci/run" for step in job["steps"])


# The examples of developing.md, run as a user's files in the working folder.


@pytest.fixture(scope="module")
def own_files(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    text = (request.config.rootpath / "docs/developing.md").read_text(encoding="utf-8")
    for example in fences(text, "python"):
        (folder / example.splitlines()[0].removeprefix("# ")).write_text(example, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        yield folder


def test_an_example_has_about_twenty_lines(own_files):
    lines = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in own_files.glob("my_*.py")}
    assert set(lines) == {f"my_{kind}.py" for kind in ("agents", "optimizers", "sources", "objectives", "measures")}
    assert max(lines.values()) <= 30


def test_the_examples_are_light_enough_for_snakemakes_own_process(root, own_files):
    modules = ", ".join(sorted(path.stem for path in own_files.glob("my_*.py")))
    heavy = "{'torch', 'elegantrl', 'ConfigSpace', 'smac', 'sklearn', 'numba'}"
    check = f"import sys; sys.path[:0] = [{str(root)!r}]; import {modules}; sys.exit(str({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", check], cwd=own_files, capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "set()"


def test_the_example_of_a_source_reads_a_table_of_closes(own_files):
    from workflow_scripts.data.sources.base import source_of

    (own_files / "closes.csv").write_text("date,KO,PEP\n2020-01-02,54.5,130.0\n2020-01-03,54.25,131.0\n")
    source = source_of({"source": "my_sources:ClosingPrices", "path": "closes.csv"})
    bars, note = source.read(None)
    assert [str(path) for path in source.files()] == ["closes.csv"]
    assert bars[bars["ticker"] == "PEP"]["close"].tolist() == [130.0, 131.0]
    assert note.startswith("closes of closes.csv")


def test_the_example_of_an_agent_gains_nothing_beyond_its_trust_region(own_files):
    import torch

    from workflow_scripts.training.agents.base import agent_of

    agent = agent_of("my_agents:SPO").of({})
    ratio = torch.tensor([1.0, 1.1, 1.2, 1.3])
    objective = agent.objective(ratio.log(), torch.zeros(4), torch.ones(4))
    # ratio - (ratio - 1)² / 0.4
    assert objective.tolist() == pytest.approx([1.0, 1.075, 1.1, 1.075])


def test_the_example_of_an_optimizer_climbs_from_the_best_trial(own_files):
    from workflow_scripts.sweeps.history import Score
    from workflow_scripts.sweeps.optimizers.base import PACKAGE, Optimizer, Request
    from workflow_scripts.sweeps.search_space import build_space, to_dict
    from workflow_scripts.training.agents.ppo import PPO
    from workflow_scripts.workflow.registry import find

    climbing = find(PACKAGE, "my_optimizers:HillClimbing", Optimizer).of({"round_size": 3, "step": 0.1})
    rounds = climbing.schedule(rounds=2, runs=6)
    entries = {name: {"type": "float", "lower": 0.0, "upper": 1.0, "log": False, "default": 0.5} for name in ("x", "y")}
    space = build_space(entries, PPO)
    first = [to_dict(each.configuration) for each in climbing.propose(Request(space, [], rounds[:1], seed=0))]
    history = [
        Score("climb", 0, trial, 6144, "ok", None, score, 0.1, first[trial], [])
        for trial, score in enumerate([0.3, 0.9, 0.6])
    ]
    request = Request(space, history, rounds, seed=0)
    second = [to_dict(each.configuration) for each in climbing.propose(request)]
    assert first[0] == {"x": 0.5, "y": 0.5}
    assert all(sum(each[name] != first[1][name] for name in ("x", "y")) == 1 for each in second)
    assert len(second) == 3
    assert [to_dict(each.configuration) for each in climbing.propose(request)] == second


def test_the_example_of_an_objective_is_growth_over_pain(own_files):
    from workflow_scripts.sweeps.measures import Record, UndefinedError
    from workflow_scripts.sweeps.objectives import find

    objective = find("my_objectives:ulcer_performance")
    # Wealth 1.1, 0.99, 1.089; drawdowns 0, 0.1, 0.01.
    value = objective.value(Record(np.array([0.1, -0.1, 0.1])))
    assert value == pytest.approx(252 * 0.1 / 3 / np.sqrt((0.1**2 + 0.01**2) / 3))
    with pytest.raises(UndefinedError, match="no drawdown"):
        objective.value(Record(np.array([0.1, 0.2])))


def test_the_example_of_a_measure_stands_beside_the_others(own_files, monkeypatch):
    from workflow_scripts.sweeps import measures, objectives

    monkeypatch.setattr(measures, "MEASURES", dict(measures.MEASURES))
    objective = objectives.find("my_measures:sharpe_ratio")
    record = measures.Record(np.array([0.02, -0.01, 0.0, 0.01]))
    values, _ = measures.take_all(record)
    assert values["hit_rate"] == pytest.approx(2 / 3)
    assert objective.value(record) == pytest.approx(values["sharpe"])

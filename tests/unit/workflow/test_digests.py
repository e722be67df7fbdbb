"""Which modules each verb's digest covers, so that a growing list is seen in review; and what leaves a digest alone."""

import ast
import shutil

import pytest

from workflow_scripts.workflow import code_digest as module
from workflow_scripts.workflow.code_digest import code_digest, modules_behind

# Verb, and the one agent or source that it uses: modules by room. A run is trained anew when one of these does other
# things than before.
COVERED = {
    ("data.download_bars", "data.sources.embedded"): {
        "data": "bar_checks bars calendars doors.series download_bars markets memberships periods revisions "
        "settings shrinkage sources.base sources.embedded ticker_lists years",
        "workflow": "files model refreshes registry",
    },
    ("data.download_bars", "data.sources.csv"): {
        "data": "bar_checks bars calendars doors.clocks doors.dates doors.door doors.files doors.names "
        "doors.numbers doors.repairs doors.series doors.shapes doors.tables doors.wishes download_bars "
        "markets memberships periods revisions settings shrinkage sources.base sources.csv ticker_lists years",
        "workflow": "files model refreshes registry",
    },
    ("data.compute_features",): {
        "data": "bars calendars compute_features features fold_files folds foresight indicators look_ahead "
        "market_folds periods settings shrinkage turbulence universes",
        "workflow": "files model",
    },
    ("data.split_folds",): {
        "data": "bars calendars features fold_files folds indicators look_ahead market_folds periods settings "
        "shrinkage "
        "split_folds turbulence universes",
        "workflow": "files model",
    },
    ("training.train_agent", "training.agents.ppo"): {
        "data": "fold_files periods",
        "training": "agents.a2c agents.base agents.kinds.off_policy agents.kinds.on_policy agents.ppo "
        "compiled compiled.arrays compiled.blas compiled.choice compiled.kernels compiled.on_policy curves "
        "environment environment.baselines environment.kernels environment.settings environment.trading_env "
        "learners learners.adamw learners.on_policy learners.trading_agent networks networks.flat "
        "networks.market networks.shape networks.shared run.allocator run.checkpoints run.devices run.judge "
        "run.leases run.memory run.runs run.settings run.threads run.train run.write sharpe together "
        "together.client together.environment together.graphs together.meeting together.networks "
        "together.on_policy together.rows together.stack together.trainer train_agent trials weights",
        "workflow": "code_digest files model registry run_warm",
    },
    ("training.backtest_incumbent", "training.agents.ppo"): {
        "data": "fold_files periods",
        "training": "agents.a2c agents.base agents.kinds.off_policy agents.kinds.on_policy agents.ppo "
        "backtest_incumbent compiled compiled.arrays compiled.blas compiled.choice compiled.kernels "
        "compiled.on_policy curves environment environment.baselines environment.kernels environment.settings "
        "environment.trading_env learners learners.adamw learners.on_policy learners.trading_agent networks "
        "networks.flat networks.market networks.shape networks.shared run.allocator run.checkpoints "
        "run.devices run.judge run.leases run.memory run.runs run.settings run.threads run.train run.write "
        "sharpe together together.client together.environment together.graphs together.meeting "
        "together.networks together.on_policy together.rows together.stack together.trainer trials weights",
        "workflow": "code_digest files model registry run_warm",
    },
    ("training.evaluate_baselines",): {
        "data": "bars features fold_files periods",
        "training": "environment environment.baselines environment.kernels environment.oracle environment.settings "
        "environment.trading_env evaluate_baselines networks.shape sharpe weights",
        "workflow": "files model",
    },
    ("sweeps.score_trial",): {
        "data": "periods",
        "sweeps": "(room) daily history measures objectives score_trial scoring",
        "training": "sharpe trials",
        "workflow": "files paths",
    },
    ("sweeps.collect_trials",): {
        "data": "periods",
        "sweeps": "(room) candidates collect_trials history measures objectives",
        "training": "trials",
        "workflow": "files",
    },
    ("analysis.open_test_days",): {
        "analysis": "inference.estimands open_test_days openings",
        "data": "periods",
        "sweeps": "(room) candidates history measures objectives",
        "training": "trials",
        "workflow": "files paths",
    },
    ("analysis.judge_sweep",): {
        "analysis": "inference.answers inference.differences inference.estimands inference.evidence "
        "inference.long_run inference.seeds inference.selection inference.sharpe judge_sweep kept_returns "
        "openings verdicts windows",
        "data": "periods",
        "sweeps": "daily history measures",
        "training": "environment.settings sharpe trials",
        "workflow": "files model paths wording",
    },
}


@pytest.mark.parametrize("modules", COVERED, ids=lambda modules: " ".join(modules))
def test_a_digest_covers_these_modules_and_no_more(modules):
    rooms = {}
    for name in modules_behind(*modules):
        room, _, rest = name.removeprefix("workflow_scripts.").partition(".")
        rooms.setdefault(room, []).append(rest or "(room)")
    assert {room: " ".join(names) for room, names in rooms.items()} == COVERED[modules]


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of the code, whose digests follow its edits."""
    shutil.copytree(module.ROOT / "workflow_scripts", tmp_path / "workflow_scripts")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    module._parsed.cache_clear()
    yield tmp_path / "workflow_scripts"
    module._parsed.cache_clear()


def digests():
    module._parsed.cache_clear()
    return {modules: code_digest(*modules) for modules in COVERED}


def reworded(node):
    """Change every text in what is raised."""
    for raised in ast.walk(node):
        if isinstance(raised, ast.Raise) and raised.exc and "TrainingFailedError" not in ast.unparse(raised.exc):
            for part in ast.walk(raised.exc):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    part.value = f"{part.value} (in other words)"
    return node


def test_reworded_errors_and_comments_in_every_module_of_data_and_training_rerun_nothing(copied):
    before, changed = digests(), 0
    for room in ("data", "training"):
        for path in sorted((copied / room).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            new = ast.unparse(reworded(ast.parse(text)))
            changed += "(in other words)" in new
            path.write_text(f"# A comment.\n{new}\n", encoding="utf-8")
    assert changed > 20
    assert digests() == before


def test_a_changed_number_in_the_environment_trains_every_run_anew(copied):
    before = digests()
    path = copied / "training/environment/kernels.py"
    text = path.read_text(encoding="utf-8")
    assert "LARGEST_TILT = 3.0" in text
    path.write_text(text.replace("LARGEST_TILT = 3.0", "LARGEST_TILT = 2.5"), encoding="utf-8")
    after = digests()
    changed = {modules[0] for modules in COVERED if before[modules] != after[modules]}
    assert changed == {"training.train_agent", "training.backtest_incumbent", "training.evaluate_baselines"}

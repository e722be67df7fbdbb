# Constants and constraints: the settings, the code's digests, and where results lie.
import sys
from functools import cache
from pathlib import Path

from workflow_scripts.config import controls as of_controls
from workflow_scripts.config.model import read_config, read_controls
from workflow_scripts.data.sources.base import SOURCES
from workflow_scripts.sweeps.optimizers.base import PACKAGE as OPTIMIZERS
from workflow_scripts.training.agents.base import PACKAGE as AGENTS
from workflow_scripts.training.environment.settings import BASELINES
from workflow_scripts.workflow import paths as of_user
from workflow_scripts.workflow.code_digest import code_digest
from workflow_scripts.workflow.files import sha256
from workflow_scripts.workflow.flags import canonical, flags
from workflow_scripts.workflow.model import SettingError
from workflow_scripts.workflow.paths import (
    BACKTEST,
    BACKTEST_RUN,
    BASELINE_RETURNS,
    CANDIDATE,
    FEATURES,
    FILES_OF_RUN,
    FOLD,
    LATEST,
    MANIFEST,
    MARKET,
    NAME,
    NUMBER,
    OPENINGS,
    PREREGISTRATION,
    RESULTS,
    ROUND,
    RUN,
    SEALED,
    SWEEP,
    SWEEPS,
    TRIAL,
    whole,
)

# Controls have markets and sweeps of their own, which no other command reads: a command that asks for them has these in
# place of the user's, in a folder that is laid out as a working folder.
CONTROLS = of_controls.asked_for(sys.argv)
ROOT = Path(of_controls.FOLDER if CONTROLS else "")
if CONTROLS:
    globals().update(of_user.levels_below(ROOT))

try:
    settings = read_controls(config) if CONTROLS else read_config(config)
except SettingError as error:
    raise WorkflowError(error.inside(", ".join(map(str, FILES)))) from None
except ValueError as error:
    raise WorkflowError(f"{FILES[-1]}, {error}") from None

# Digest of what a verb and the modules that it is given by name do; one for all jobs of a rule.
code = cache(code_digest)
FOLD_COUNT = settings.top.folds.number
TUNING_SEEDS, FINAL_SEEDS = settings.top.seeds.tuning, settings.top.seeds.final
MARKETS_OF_SWEEPS = sorted({sweep.keys.market for sweep in settings.sweeps.values()})
WHOLE_MARKETS = sorted({whole(market) for market in MARKETS_OF_SWEEPS})
CONTINUING_SWEEPS = [
    name for name, sweep in settings.sweeps.items() if sweep.optimizer.continues
]
# A run that is killed, or finds its node without memory or disk, is tried again; what fails then stops the job.
RETRIES = 2
# Whose orders are asked for; several where nobody says which one, and the job then refuses.
ORDERED = (
    [settings.top.orders.sweep] if settings.top.orders.sweep else [*settings.judged]
)
# The sweep whose policies decide: of several windows of the test days that before the last.
DECIDING = settings.judged[ORDERED[0]][-1]
RANKS = [f"rank_{place + 1}" for place in range(settings.top.backtest.top)]
CANDIDATES = [*RANKS, "default", "untrained"]
# Seeds that trade as one, by the first of them, and the candidate behind each kind of ensemble.
SIZE = settings.top.backtest.ensemble
MEMBERS = (
    {
        FINAL_SEEDS[k]: FINAL_SEEDS[k : k + SIZE]
        for k in range(0, len(FINAL_SEEDS), SIZE)
    }
    if SIZE > 1
    else {}
)
ENSEMBLES = {"ensemble": RANKS[0], "default_ensemble": "default"}

# When to save a checkpoint or to give up, and who else is on the device, changes no result: such flags travel as
# resources, which rerun nothing.
TRAINING = settings.top.training.on_results()
WATCHED = ("limit_minutes", "checkpoint_minutes", "runs_per_gpu", "together")
WATCH = flags(training={key: getattr(settings.top.training, key) for key in WATCHED})


wildcard_constraints:
    market=NAME,
    sweep=NAME,
    round=NUMBER,
    trial=NUMBER,
    fold=NUMBER,
    seed=NUMBER,
    candidate="|".join(CANDIDATES),
    baseline="|".join(BASELINES),

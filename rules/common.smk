import json
import os
import shlex
import sys
from datetime import datetime

sys.path.insert(0, str(workflow.basedir))

from workflow_scripts.workflow.code_digest import code_digest
from workflow_scripts.workflow.kept_rounds import count_kept_rounds
from workflow_scripts.workflow.policies import remove_damaged_policies
from workflow_scripts.workflow.refreshes import last_refresh
from workflow_scripts.workflow.schedule import POPULATION, continues, pairs
from workflow_scripts.workflow.settings import (
    VENDORS,
    check_settings,
    default_configuration,
    environment_settings,
    explain,
    flags,
    fold_count,
    gpus_of_a_run,
    market_settings,
    proposal_settings,
    schedules,
    schema_error,
    search_space,
    start_of_a_run,
)
from snakemake.utils import validate

for key in ("replay", "refresh"):
    if str(config.get(key)).lower() in ("true", "false"):  # --config hands over text
        config[key] = str(config[key]).lower() == "true"
try:
    validate(config, f"{workflow.basedir}/schemas/config.schema.yaml")
except WorkflowError as error:
    raise WorkflowError(schema_error(error)) from None
try:
    check_settings(config)
except ValueError as error:
    raise WorkflowError(str(error)) from None

MARKET = "results/markets/{market}"
SWEEP = "results/sweeps/{sweep}"
ROUND = f"{SWEEP}/round_{{round}}"
TRIAL = f"{ROUND}/trial_{{trial}}"
RUN = f"{TRIAL}/fold_{{fold}}/seed_{{seed}}"
BACKTEST = f"{SWEEP}/backtest"
BACKTEST_RUN = f"{BACKTEST}/{{candidate}}/seed_{{seed}}"

FOLDS = range(fold_count(config))
PURGE_DAYS = config["folds"].get("gap_days", config["folds"].get("purge_days"))
PAIRS = pairs(FOLDS, config["seeds"]["tuning"])
SWEEPS = config["sweeps"]
MARKETS_OF_SWEEPS = sorted({sweep["market"] for sweep in SWEEPS.values()})
CONTINUING_SWEEPS = [name for name, sweep in SWEEPS.items() if continues(sweep)]
SCHEDULES = schedules(config)
# A run that is killed, or finds its node without memory or disk, is tried again; what fails then stops the job.
RETRIES = 2
BASELINES = ("equal_weight", "buy_and_hold")
RANKS = [f"rank_{place + 1}" for place in range(config["backtest"]["top"])]
CANDIDATES = [*RANKS, "default", "untrained"]


wildcard_constraints:
    market="[a-z0-9_]+",
    sweep="[a-z0-9_]+",
    round="0|[1-9][0-9]*",
    trial="0|[1-9][0-9]*",
    fold="0|[1-9][0-9]*",
    seed="0|[1-9][0-9]*",
    candidate="|".join(CANDIDATES),
    baseline="|".join(BASELINES),


def code(module):
    """Digest of what a module does; part of a rule's params, so that an edit that matters reruns the rule."""
    return code_digest(module)


def canonical(settings):
    """Settings as one string: Snakemake compares params as a set of values, without their names."""
    return json.dumps(settings, sort_keys=True)


def market_of(wildcards):
    return MARKET.format(market=SWEEPS[wildcards.sweep]["market"])


def fold_of_run(wildcards):
    return f"{market_of(wildcards)}/folds/fold_{wildcards.fold}.npz"


# On a file system a fold's description stands beside it. In object storage a job finds what it names, and nothing else.
IN_STORAGE = workflow.storage_settings.default_storage_provider is not None


def description_of_fold(wildcards):
    """The description of a run's fold, where it has to be fetched."""
    return str(Path(fold_of_run(wildcards)).with_suffix(".json")) if IN_STORAGE else []


def states_of_round_before(wildcards):
    """Every trial's state after the round before, with the run's fold and seed: any of them may be the parent."""
    rounds, number = SCHEDULES[wildcards.sweep], int(wildcards.round) - 1
    pair = (int(wildcards.fold), int(wildcards.seed))
    if number < 0 or pair not in PAIRS[: rounds[number].runs]:
        return []
    is_population = SWEEPS[wildcards.sweep]["optimizer"] in POPULATION
    if not is_population and rounds[number + 1].fidelity <= rounds[number].fidelity:
        return []
    return expand(
        f"{RUN}/state.pt",
        sweep=wildcards.sweep,
        round=number,
        trial=range(rounds[number].size),
        fold=wildcards.fold,
        seed=wildcards.seed,
    )


def bars_of_sweep(wildcards):
    return f"{market_of(wildcards)}/bars.parquet"


def test_start_of_sweep(wildcards):
    return config["markets"][SWEEPS[wildcards.sweep]["market"]]["test_start"]


def folders_of_runs(sweep, number, trial):
    """The runs that judge a trial of a round."""
    return [
        RUN.format(sweep=sweep, round=number, trial=trial, fold=fold, seed=seed)
        for fold, seed in sorted(PAIRS[: SCHEDULES[sweep][number].runs])
    ]


def runs_of_trial(wildcards):
    number, trial = int(wildcards.round), wildcards.trial
    return [
        f"{run}/sharpe.json" for run in folders_of_runs(wildcards.sweep, number, trial)
    ]


def scores_of_rounds(sweep, rounds):
    return [
        f"{TRIAL}/score.json".format(sweep=sweep, round=number, trial=trial)
        for number, round_ in enumerate(SCHEDULES[sweep][:rounds])
        for trial in range(round_.size)
    ]


def warm_scores(sweep):
    """The trials that a sweep's first round starts from."""
    source = SWEEPS[sweep]["warm_start"]["sweep"]
    return scores_of_rounds(source, None) if source else []


def scores_of_sweep(wildcards):
    return scores_of_rounds(wildcards.sweep, SWEEPS[wildcards.sweep]["rounds"])


def of_backtest_runs(name):
    """Input function: the file of this name of every candidate and final seed."""
    return lambda wildcards: expand(
        f"{BACKTEST_RUN}/{name}",
        sweep=wildcards.sweep,
        candidate=CANDIDATES,
        seed=config["seeds"]["final"],
    )


backtest_returns = of_backtest_runs("returns.parquet")
backtest_sharpes = of_backtest_runs("sharpe.json")

for removed in remove_damaged_policies(Path("results/sweeps")):
    logger.warning(f"{removed} was damaged and is removed: its run is made again")


def baseline_returns(wildcards):
    return expand(
        f"{BACKTEST}/{{baseline}}/returns.parquet",
        sweep=wildcards.sweep,
        baseline=BASELINES,
    )


def files_of_market(wildcards):
    """The user's files behind a market, so that an edit of one is seen."""
    market = config["markets"][wildcards.market]
    universe = [market["universe"]] if market["universe"] else []
    if market["path"] is None or market["source"] != "csv":
        return universe
    path = Path(market["path"])
    return universe + (
        sorted(map(str, path.glob("*.csv"))) if path.is_dir() else [str(path)]
    )


# The time at which this run asks for new downloads. Jobs parse this file again and inherit it.
NOW = datetime.now().isoformat(timespec="seconds")
REFRESH = os.environ.setdefault("FOLDSWEEP_REFRESH", NOW) if config["refresh"] else None


def refreshed(wildcards):
    """When a vendor's market is downloaded anew at the user's wish: a change runs its download again."""
    if REFRESH and config["markets"][wildcards.market]["source"] in VENDORS:
        return REFRESH
    return last_refresh(Path(f"{MARKET}/data.lock.json".format(**wildcards)))


def kept_rounds(sweep):
    """Number of rounds of a sweep whose proposals stand; config.yaml's replay opens them all again."""
    if config["replay"]:
        return 0
    try:
        return count_kept_rounds(
            Path(SWEEP.format(sweep=sweep)), proposal_settings(config, sweep)
        )
    except ValueError as error:
        raise WorkflowError(str(error)) from None


def baselines_of_sweep(wildcards):
    return f"{market_of(wildcards)}/baselines.json"


# What `all` asks for beside the analysis: Snakemake makes a lost file again only where somebody asks for it.
scores = [
    score
    for sweep in SWEEPS
    for score in scores_of_rounds(sweep, SWEEPS[sweep]["rounds"])
]
runs = [
    *(
        f"{run}/{file}"
        for sweep in SWEEPS
        for number, round_ in enumerate(SCHEDULES[sweep])
        for trial in range(round_.size)
        for run in folders_of_runs(sweep, number, trial)
        for file in ("policy.pt", "sharpe.json", "returns.parquet")
    ),
    *expand(
        f"{BACKTEST_RUN}/policy.pt",
        sweep=SWEEPS,
        candidate=CANDIDATES,
        seed=config["seeds"]["final"],
    ),
]


def environment_of(wildcards):
    """How an action becomes trades on the market of a job."""
    name = wildcards.get("market") or SWEEPS[wildcards.sweep]["market"]
    return environment_settings(config, name)


def environment_flags(wildcards):
    """Flags of a job that trades."""
    return flags(environment=environment_of(wildcards))


# When to save a checkpoint or to give up, and who else is on the device, changes no result: such flags travel as
# resources, which rerun nothing.
WATCHED = {
    key: value
    for key, value in config["training"].items()
    if key.endswith("_minutes") or key == "runs_per_gpu"
}
WATCH = flags(training=WATCHED)


TRAINING = {
    key: value
    for key, value in config["training"].items()
    if key not in WATCHED and key != "warm_workers"
}


def training_flags(wildcards):
    """Flags of a job that trains."""
    return flags(environment=environment_of(wildcards), training=TRAINING)


def last_attempt(wildcards, attempt):
    """Flag of the attempt that writes down what the attempts before it only reported."""
    return "--last-attempt" if attempt > RETRIES else "--no-last-attempt"


GPUS = gpus_of_a_run(config["training"]["device"], os.environ)
if config["training"]["device"] == "auto" and not GPUS and workflow.is_main_process:
    logger.info(
        "training.device is auto and this machine shows no GPU (no /dev/nvidiactl, or CUDA_VISIBLE_DEVICES hides it): "
        "no run asks for one, unless a profile says so"
    )
# Each job knows the process that started it, and ends when that one is gone; and how a verb that needs torch starts.
# Both are no part of a rule, so that a change of them reruns nothing.
START = start_of_a_run(config["training"]["warm_workers"], GPUS, workflow.remote_exec)
shell.prefix(f"export FOLDSWEEP_PARENT=$PPID FOLDSWEEP_START={shlex.quote(START)}; ")

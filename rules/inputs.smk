# Which files a job reads, from its wildcards.
import shlex
from datetime import datetime

from snakemake.iocontainers import Wildcards

from workflow_scripts.workflow.refreshes import NEVER, last_refresh

# On a file system a fold's description stands beside it, and a run's returns beside its Sharpe ratio, made by the same
# job. In object storage a job finds what it names, and nothing else.
IN_STORAGE = workflow.storage_settings.default_storage_provider is not None


def sweep_of(name):
    if name not in settings.sweeps:
        there = ", ".join(settings.sweeps)
        raise WorkflowError(f"config.yaml has no sweep {name}: there are {there}")
    return settings.sweeps[name]


def market_name(wildcards):
    """The market of a job; of a sweep that is judged in several windows, that of the first one."""
    if wildcards.get("market"):
        return wildcards.market
    first, *_ = settings.judged.get(wildcards.sweep, [wildcards.sweep])
    return sweep_of(first).keys.market


def whole_market(wildcards):
    """The market that has the bars of a job: windows of its test days share them, and their ledger."""
    return whole(market_name(wildcards))


def market_of(wildcards):
    name = market_name(wildcards)
    if name not in settings.markets:
        there = ", ".join(settings.markets)
        raise WorkflowError(f"config.yaml has no market {name}: there are {there}")
    return settings.markets[name]


def of_market(path):
    """Input function: a path of the market of a job's sweep; its other wildcards are the job's."""
    return lambda wildcards: path.format(
        **{**dict(wildcards.items()), "market": market_name(wildcards)}
    )


def of_whole_market(path):
    """Input function: a path of the market that has a job's bars."""
    return lambda wildcards: path.format(market=whole_market(wildcards))


def oracle_of_sweep(wildcards):
    """Return what the oracle earned on the test days of a sweep's market, where something is planted in it."""
    parts = settings.judged.get(wildcards.sweep, [wildcards.sweep])
    markets = [
        settings.sweeps[part].keys.market for part in parts if part in settings.sweeps
    ]
    return [
        f"{MARKET}/oracle.parquet".format(market=market)
        for market in markets
        if settings.markets[market].source.planted
    ]


def of_windows(files):
    """Input function: the files of every sweep that a verdict judges, those of its windows in turn."""
    return lambda wildcards: [
        file
        for sweep in settings.judged[wildcards.sweep]
        for file in files(Wildcards(fromdict={"sweep": sweep}))
    ]


fold_of_run = of_market(f"{FOLD}.npz")
# The test days: the rules that backtest read them, and no other.
sealed_of_sweep = of_market(f"{SEALED}.npz")
# The description of a run's fold, where it has to be fetched.
description_of_fold = of_market(f"{FOLD}.json") if IN_STORAGE else []
description_of_sealed = of_market(f"{SEALED}.json") if IN_STORAGE else []


def test_start_of_market(wildcards):
    return market_of(wildcards).test_start


def starts_of_windows(wildcards):
    """First test day of a market, or of each window into which its test days are cut."""
    windows = [
        market.test_start
        for name, market in settings.markets.items()
        if name != wildcards.market and whole(name) == wildcards.market
    ]
    return windows or [market_of(wildcards).test_start]


def config_of_run(wildcards):
    """The configuration of a run; a policy of that run that cannot be whole is removed on the way."""
    without_damaged_policy(RUN.format(**wildcards))
    return f"{TRIAL}/config.yaml".format(**wildcards)


def config_of_backtest(wildcards):
    """The configuration of a backtest; a policy of that run that cannot be whole is removed on the way."""
    without_damaged_policy(BACKTEST_RUN.format(**wildcards))
    return f"{CANDIDATE}/config.yaml".format(**wildcards)


def states_of_round_before(wildcards):
    """Every trial's state after the round before, with the run's fold and seed: any of them may be the parent."""
    sweep, number = settings.sweeps[wildcards.sweep], int(wildcards.round)
    pair = (int(wildcards.fold), int(wildcards.seed))
    if not sweep.goes_on(number, pair, settings.pairs):
        return []
    return expand(
        f"{RUN}/state.pt",
        sweep=wildcards.sweep,
        round=number - 1,
        trial=range(sweep.schedule[number - 1].size),
        fold=wildcards.fold,
        seed=wildcards.seed,
    )


def folders_of_runs(sweep, number, trial):
    """The runs that judge a trial of a round."""
    rounds = sweep_of(sweep).schedule
    if number >= len(rounds):
        raise WorkflowError(
            f"sweep {sweep} has {len(rounds)} rounds, counted from 0: there is no round {number}"
        )
    judged = settings.pairs[: rounds[number].runs]
    return [
        RUN.format(sweep=sweep, round=number, trial=trial, fold=fold, seed=seed)
        for fold, seed in sorted(judged)
    ]


def of_runs(name):
    """Input function: the file of this name of every run of a trial."""
    return lambda wildcards: [
        f"{run}/{name}"
        for run in folders_of_runs(
            wildcards.sweep, int(wildcards.round), wildcards.trial
        )
    ]


def baselines_of_sweep(wildcards):
    """What the baselines earned on every fold's validation days."""
    return expand(
        BASELINE_RETURNS, market=market_name(wildcards), fold=range(FOLD_COUNT)
    )


def descriptions_of_sweep(wildcards):
    """What every fold's json says of its days."""
    return expand(f"{FOLD}.json", market=market_name(wildcards), fold=range(FOLD_COUNT))


def benchmarks_of_trial(wildcards):
    """What the baselines earned on the folds that judge a trial."""
    judged = settings.pairs[
        : settings.sweeps[wildcards.sweep].schedule[int(wildcards.round)].runs
    ]
    return expand(
        BASELINE_RETURNS,
        market=market_name(wildcards),
        fold=sorted({fold for fold, _ in judged}),
    )


def trials_of_rounds(sweep, rounds=None):
    """Every trial of a sweep's first rounds, or of all: its round and its place there."""
    return [
        (number, trial)
        for number, round_ in enumerate(sweep_of(sweep).schedule[:rounds])
        for trial in range(round_.size)
    ]


def score_of(sweep, number, trial):
    return f"{TRIAL}/score.json".format(sweep=sweep, round=number, trial=trial)


def scores_of_rounds(sweep, rounds):
    return [score_of(sweep, *place) for place in trials_of_rounds(sweep, rounds)]


def scores_before_round(sweep, number):
    """The scores that a round's proposals wait for.

    They rest on those of all rounds before. To name those of the round before is enough where that one is still to be
    proposed and waits for the others in its turn; to name all makes a plan grow with trials × rounds. In a replay a
    score may change, and the proposals that follow it not; in object storage a job finds what it names.
    """
    named = scores_of_rounds(sweep, number)
    if settings.top.replay or IN_STORAGE or number == KEPT_ROUNDS[sweep]:
        return named
    return named[-settings.sweeps[sweep].schedule[number - 1].size :]


def scores_that_it_reads(sweep, number):
    """Params function: the option that names the scores of all rounds before, where they lie."""
    if not number:
        return ""
    return lambda wildcards, input: shlex.join(
        [
            "--scores",
            *(input.scores if IN_STORAGE else scores_of_rounds(sweep, number)),
        ]
    )


def warm_scores(sweep):
    """The trials that a sweep's first round starts from."""
    source = settings.sweeps[sweep].keys.warm_start.sweep
    return scores_of_rounds(source, None) if source else []


def scores_of_sweep(wildcards):
    return scores_of_rounds(wildcards.sweep, None)


def runs_of_sweep(sweep):
    """Every run of a sweep."""
    return [
        run
        for place in trials_of_rounds(sweep)
        for run in folders_of_runs(sweep, *place)
    ]


def returns_of_sweep(wildcards):
    """The daily returns of every run of a sweep on its validation days."""
    return [f"{run}/returns.parquet" for run in runs_of_sweep(wildcards.sweep)]


def description_of_features(wildcards):
    """What is known of the features of a sweep's market."""
    return [f"{FEATURES}.json".format(market=market_name(wildcards))]


def preregistration_of_sweep(wildcards):
    """What was to be judged on the test days of a sweep."""
    return [PREREGISTRATION.format(sweep=wildcards.sweep)]


def candidates_of_sweep(wildcards):
    """The configurations that trade the test days."""
    return expand(
        f"{CANDIDATE}/config.yaml", sweep=wildcards.sweep, candidate=CANDIDATES
    )


def of_backtest_runs(name):
    """Input function: the file of this name of every candidate and final seed."""
    return lambda wildcards: expand(
        f"{BACKTEST_RUN}/{name}",
        sweep=wildcards.sweep,
        candidate=CANDIDATES,
        seed=FINAL_SEEDS,
    )


def of_tuned_runs(name):
    """Input function: the file of this name of the tuned configuration and every final seed."""
    return lambda wildcards: expand(
        f"{BACKTEST_RUN}/{name}",
        sweep=wildcards.sweep,
        candidate=RANKS[0],
        seed=FINAL_SEEDS,
    )


def config_of_ensemble(wildcards):
    """The configuration that an ensemble's members were trained with."""
    candidate = ENSEMBLES[wildcards.candidate]
    return f"{CANDIDATE}/config.yaml".format(sweep=wildcards.sweep, candidate=candidate)


def of_members(name):
    """Input function: the file of this name of each member of an ensemble."""
    return lambda wildcards: expand(
        f"{BACKTEST_RUN}/{name}",
        sweep=wildcards.sweep,
        candidate=ENSEMBLES[wildcards.candidate],
        seed=MEMBERS[int(wildcards.seed)],
    )


def of_backtests(name):
    """Input function: the file of this name of every candidate and final seed, then of every ensemble."""
    of_seeds = of_backtest_runs(name)
    return lambda wildcards: of_seeds(wildcards) + expand(
        f"{BACKTEST_RUN}/{name}",
        sweep=wildcards.sweep,
        candidate=ENSEMBLES,
        seed=MEMBERS,
    )


backtest_returns = of_backtests("returns.parquet")
backtest_sharpes = of_backtests("sharpe.json")


def baseline_returns(wildcards):
    """What the baselines earned on a sweep's test days, and the market's index, where it has one."""
    return expand(
        f"{BACKTEST}/{{baseline}}/returns.parquet",
        sweep=wildcards.sweep,
        baseline=[*BASELINES, *["index"] * has_index(wildcards)],
    )


def has_index(wildcards):
    return market_of(wildcards).source.index_ticker is not None


def features_of_planted(wildcards):
    """The features of a planted market, whose oracle reads the signal."""
    return f"{FEATURES}.npz" if market_of(wildcards).source.planted else []


def files_of_market(wildcards):
    """The user's files behind a market, so that an edit of one is seen."""
    return [str(path) for path in market_of(wildcards).source.files()]


def refreshed(wildcards):
    """When a vendor's market is downloaded anew at the user's wish: a change runs its download again."""
    if REFRESH and market_of(wildcards).source.downloads:
        return REFRESH
    # The market that controls are made of lies where it lies without them.
    market = MARKET if market_name(wildcards) in WHOLE_MARKETS else of_user.MARKET
    return last_refresh(Path(f"{market}/data.lock.json".format(**wildcards)))


def latest_bars(wildcards):
    """The latest bars of the one sweep's market."""
    market = whole(settings.sweeps[DECIDING].keys.market)
    return f"{LATEST}.parquet".format(market=market) if not ORDERED[1:] else []


def asked_now(wildcards):
    """When a vendor's latest bars are asked for, which is each time; files are read again where they have changed."""
    now = datetime.now().isoformat(timespec="seconds")
    return now if market_of(wildcards).source.downloads else NEVER


# What whoever trades the test days leaves there.
TRADED = ("returns.parquet", "weights.parquet")


def lost_files(run, reader):
    """The files of a run that was made which are there no longer.

    Snakemake makes a lost file again only where somebody asks for it, and to ask for all of them takes a tenth of a
    plan and more. Where neither the run's Sharpe ratio is there nor the file that is made of it (`reader`), the job that
    makes that file has the whole run made. In object storage all are asked for: to look is as slow.
    """
    files = [f"{run}/{file}" for file in FILES_OF_RUN.values()]
    if IN_STORAGE:
        return files
    if not any(map(os.path.exists, (f"{run}/{FILES_OF_RUN['sharpe']}", reader))):
        return []
    without_damaged_policy(run)
    return [file for file in files if not os.path.exists(file)]


def runs(wildcards):
    """What `all` asks for of the runs of all sweeps, so that a file that is lost is made again.

    Nothing before the first run nor after the last: a rule of the user's that reads what `all` reads stays as it is.
    """
    tuning = (
        (run, score_of(sweep, *place))
        for sweep in settings.sweeps
        for place in trials_of_rounds(sweep)
        for run in folders_of_runs(sweep, *place)
    )
    final = (
        (run, f"{SWEEP}/verdict.json".format(sweep=whole(sweep)))
        for sweep in settings.sweeps
        for run in expand(
            BACKTEST_RUN, sweep=sweep, candidate=CANDIDATES, seed=FINAL_SEEDS
        )
    )
    return [file for made in (*tuning, *final) for file in lost_files(*made)]


# What only other jobs read, and somebody has to ask for, so that it is made again where it is lost.
on_the_way = [
    *expand(
        [f"{MARKET}/bars.parquet", f"{MARKET}/data.lock.json"], market=WHOLE_MARKETS
    ),
    *expand(
        [f"{FEATURES}.npz", f"{FEATURES}.json", f"{SEALED}.npz", f"{SEALED}.json"],
        market=MARKETS_OF_SWEEPS,
    ),
    *expand(
        [f"{FOLD}.npz", f"{FOLD}.json", BASELINE_RETURNS, f"{MARKET}/baselines.json"],
        market=MARKETS_OF_SWEEPS,
        fold=range(FOLD_COUNT),
    ),
    *expand(
        [
            PREREGISTRATION,
            f"{SWEEP}/trials.csv",
            f"{SWEEP}/incumbent.yaml",
            # Nobody looks at these of a control.
            *(
                []
                if CONTROLS
                else [f"{SWEEP}/importance.json", f"{SWEEP}/execution.json"]
            ),
        ],
        sweep=settings.sweeps,
    ),
    *expand(f"{CANDIDATE}/config.yaml", sweep=settings.sweeps, candidate=CANDIDATES),
    *expand(
        f"{BACKTEST_RUN}/{{name}}",
        sweep=settings.sweeps,
        candidate=ENSEMBLES,
        seed=MEMBERS,
        name=("sharpe.json", *TRADED),
    ),
    *expand(
        f"{BACKTEST}/{{baseline}}/{{name}}",
        sweep=settings.sweeps,
        baseline=BASELINES,
        name=TRADED,
    ),
]

scores = [score for sweep in settings.sweeps for score in scores_of_rounds(sweep, None)]

from dataclasses import asdict


report: "../report/workflow.rst"


REPORT = CHECKOUT / "workflow_scripts/analysis/report"

verdicts = expand(f"{SWEEP}/verdict.json", sweep=settings.judged)
figures = [
    *expand(
        f"{SWEEP}/{{figure}}.svg",
        sweep=settings.sweeps,
        figure=["progress", "sharpe", "importance"],
    ),
    *expand(f"{SWEEP}/equity.svg", sweep=settings.judged),
]

# Folds that train before they validate have one path, which the scores know.
paths = (
    expand(f"{SWEEP}/paths.json", sweep=settings.sweeps)
    if settings.top.folds.scheme == "combinatorial"
    else []
)

leaderboard = [f"{RESULTS}/leaderboard.csv", f"{RESULTS}/leaderboard.svg"]
page = f"{RESULTS}/report.html"


# A checkpoint, so that configurations that stay the same are not backtested again; of the scores, since what reads
# another checkpoint may be spared, and a checkpoint that is spared spares nothing. The ledger is no output: all sweeps
# of a market write it, each under a lock, and no job may remove it.
checkpoint open_test_days:
    """Name what the test days will judge, state it, enter it in the market's ledger, hand out the configurations."""
    input:
        scores=scores_of_sweep,
        sealed=of_market(f"{SEALED}.json"),
    output:
        preregistration=PREREGISTRATION,
        configs=expand(
            f"{CANDIDATE}/config.yaml",
            candidate=CANDIDATES,
            allow_missing=True,
        ),
    log:
        f"{SWEEP}/open_test_days.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        market=whole_market,
        windows=windows_flag,
        ensemble=f"--ensemble {SIZE}" if MEMBERS else "",
        agent=lambda wildcards: settings.sweeps[wildcards.sweep].keys.agent,
        default=lambda wildcards: canonical(settings.sweeps[wildcards.sweep].default),
        top=settings.top.backtest.top,
        budget=(
            f"--budget {settings.top.backtest.budget}"
            if settings.top.backtest.budget
            else ""
        ),
        test_start=test_start_of_market,
        seeds=" ".join(map(str, FINAL_SEEDS)),
        confidence=settings.top.backtest.confidence,
        settings=lambda wildcards: canonical(
            {
                "environment": market_of(wildcards).environment.model_dump(),
                "training": TRAINING,
                "turbulence_days": settings.top.features.turbulence_days,
                "purge_days": settings.top.folds.dropped_days,
            }
        ),
        backtest_code=backtest_code,
        ledger=of_whole_market(OPENINGS),
        backtest=lambda wildcards, output: str(Path(output.configs[0]).parents[1]),
        code=code("analysis.open_test_days"),
    shell:
        "exec python -m workflow_scripts.analysis.open_test_days --sweep {wildcards.sweep} --market {params.market}"
        " --agent {params.agent} --default {params.default:q} --scores {input.scores:q} --top {params.top}"
        " {params.budget} --sealed {input.sealed:q} --test-start {params.test_start:q}"
        " --seeds {params.seeds} --confidence {params.confidence} --settings {params.settings:q}"
        " --backtest-code {params.backtest_code} --ledger {params.ledger:q}"
        " --preregistration {output.preregistration:q} --backtest {params.backtest:q} {params.windows}"
        " {params.ensemble} > {log:q} 2>&1"


rule estimate_importance:
    """Estimate which hyperparameters mattered, by three methods."""
    input:
        trials=f"{SWEEP}/trials.csv",
    output:
        importance=f"{SWEEP}/importance.json",
    log:
        f"{SWEEP}/estimate_importance.log",
    benchmark:
        f"{SWEEP}/estimate_importance.tsv"
    conda:
        "../envs/analysis.yaml"
    params:
        space=lambda wildcards: canonical(
            settings.sweeps[wildcards.sweep].decisions()["search_space"]
        ),
        resamples=settings.top.importance.resamples,
        permutations=settings.top.importance.permutations,
        code=code("analysis.estimate_importance"),
    shell:
        "exec python -m workflow_scripts.analysis.estimate_importance --trials {input.trials:q}"
        " --space {params.space:q} --resamples {params.resamples} --permutations {params.permutations}"
        " --importance {output.importance:q}"
        " > {log:q} 2>&1"


rule plot_importance:
    """Draw the importance of each hyperparameter."""
    input:
        importance=f"{SWEEP}/importance.json",
    output:
        plot=report(
            f"{SWEEP}/importance.svg",
            caption="../report/importance.rst",
            category="{sweep}",
            labels={"result": "3. importance of the hyperparameters"},
        ),
    log:
        f"{SWEEP}/plot_importance.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        code=code("analysis.plot_importance"),
    shell:
        "exec python -m workflow_scripts.analysis.plot_importance --sweep {wildcards.sweep}"
        " --importance {input.importance:q} --plot {output.plot:q} > {log:q} 2>&1"


rule plot_progress:
    """Draw the trials' scores in the order of their proposal."""
    input:
        scores=scores_of_sweep,
        baselines=baselines_of_sweep,
    output:
        plot=report(
            f"{SWEEP}/progress.svg",
            caption="../report/progress.rst",
            category="{sweep}",
            labels={"result": "1. scores in the order of proposal"},
        ),
    log:
        f"{SWEEP}/plot_progress.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        code=code("analysis.plot_progress"),
    shell:
        "exec python -m workflow_scripts.analysis.plot_progress --sweep {wildcards.sweep}"
        " --scores {input.scores:q} --baselines {input.baselines:q} --plot {output.plot:q} > {log:q} 2>&1"


rule plot_sharpe:
    """Draw every run's Sharpe ratio by fold and seed."""
    input:
        scores=scores_of_sweep,
        baselines=baselines_of_sweep,
    output:
        plot=report(
            f"{SWEEP}/sharpe.svg",
            caption="../report/sharpe.rst",
            category="{sweep}",
            labels={"result": "2. Sharpe ratios by fold and seed"},
        ),
    log:
        f"{SWEEP}/plot_sharpe.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        default=lambda wildcards: canonical(settings.sweeps[wildcards.sweep].default),
        code=code("analysis.plot_sharpe"),
    shell:
        "exec python -m workflow_scripts.analysis.plot_sharpe --sweep {wildcards.sweep}"
        " --scores {input.scores:q} --default {params.default:q} --baselines {input.baselines:q}"
        " --plot {output.plot:q} > {log:q} 2>&1"


rule plot_equity:
    """Draw the growth on the test days against the baselines."""
    input:
        backtests=of_windows(backtest_returns),
        baselines=of_windows(baseline_returns),
        oracle=oracle_of_sweep,
    output:
        plot=report(
            f"{SWEEP}/equity.svg",
            caption="../report/equity.rst",
            category="{sweep}",
            labels={"result": "4. growth on the test days"},
        ),
    log:
        f"{SWEEP}/plot_equity.log",
    wildcard_constraints:
        sweep="|".join(settings.judged),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        code=code("analysis.plot_equity"),
    shell:
        "exec python -m workflow_scripts.analysis.plot_equity --sweep {wildcards.sweep}"
        " --backtests {input.backtests:q} --baselines {input.baselines:q} --oracle {input.oracle:q}"
        " --plot {output.plot:q} > {log:q} 2>&1"


rule judge_sweep:
    """Answer whether the tuned agent has skill, whether tuning helped, and how much of its score was luck."""
    input:
        scores=of_windows(scores_of_sweep),
        runs=of_windows(returns_of_sweep),
        benchmarks=of_windows(baselines_of_sweep),
        candidates=of_windows(candidates_of_sweep),
        preregistrations=of_windows(preregistration_of_sweep),
        backtests=of_windows(backtest_returns),
        sharpes=of_windows(backtest_sharpes),
        baselines=of_windows(baseline_returns),
        features=of_windows(description_of_features),
    output:
        verdict=report(
            f"{SWEEP}/verdict.json",
            caption="../report/verdict.rst",
            category="{sweep}",
            labels={"result": "0. verdict"},
        ),
    log:
        f"{SWEEP}/judge_sweep.log",
    benchmark:
        f"{SWEEP}/judge_sweep.tsv"
    wildcard_constraints:
        sweep="|".join(settings.judged),
    conda:
        "../envs/analysis.yaml"
    params:
        market=whole_market,
        ledger=of_whole_market(OPENINGS),
        trials_made=lambda wildcards: trials_made_on(whole_market(wildcards)),
        resamples=settings.top.backtest.resamples,
        confidence=settings.top.backtest.confidence,
        settings=environment_flags,
        code=code("analysis.judge_sweep"),
    shell:
        "exec python -m workflow_scripts.analysis.judge_sweep --sweep {wildcards.sweep} --market {params.market}"
        " --scores {input.scores:q} --backtests {input.backtests:q}"
        " --baselines {input.baselines:q} --benchmarks {input.benchmarks:q}"
        " --preregistrations {input.preregistrations:q} --ledger {params.ledger:q} --features {input.features:q}"
        " --trials-made {params.trials_made}"
        " --resamples {params.resamples} --confidence {params.confidence} --verdict {output.verdict:q}"
        " {params.settings} > {log:q} 2>&1"


rule recombine_paths:
    """Join the validation parts of combinatorial folds to whole backtest paths, with the Sharpe ratio of each."""
    input:
        scores=scores_of_sweep,
        runs=returns_of_sweep,
        folds=descriptions_of_sweep,
        benchmarks=baselines_of_sweep,
    output:
        paths=report(
            f"{SWEEP}/paths.json",
            caption="../report/paths.rst",
            category="{sweep}",
            labels={"result": "6. backtest paths"},
        ),
    log:
        f"{SWEEP}/recombine_paths.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        code=code("analysis.recombine_paths"),
    shell:
        "exec python -m workflow_scripts.analysis.recombine_paths --scores {input.scores:q}"
        " --folds {input.folds:q} --benchmarks {input.benchmarks:q} --paths {output.paths:q} > {log:q} 2>&1"


rule compare_sweeps:
    """Compare all sweeps: incumbent, cost, and the best score so far over cost."""
    input:
        scores=scores,
    output:
        table=report(
            f"{RESULTS}/leaderboard.csv",
            caption="../report/leaderboard_table.rst",
            category="all sweeps",
            labels={"result": "leaderboard"},
        ),
        plot=report(
            f"{RESULTS}/leaderboard.svg",
            caption="../report/leaderboard.rst",
            category="all sweeps",
            labels={"result": "best score over cost"},
        ),
    log:
        f"{RESULTS}/compare_sweeps.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        sweeps=canonical(
            {
                name: {
                    "agent": sweep.keys.agent,
                    "optimizer": sweep.keys.optimizer,
                    "market": sweep.keys.market,
                    "default": sweep.default,
                }
                for name, sweep in settings.sweeps.items()
            }
        ),
        num_envs=settings.top.training.num_envs,
        code=code("analysis.compare_sweeps"),
    shell:
        "exec python -m workflow_scripts.analysis.compare_sweeps --sweeps {params.sweeps:q}"
        " --scores {input.scores:q} --num-envs {params.num_envs} --table {output.table:q}"
        " --plot {output.plot:q} > {log:q} 2>&1"


rule plan:
    """Print what the sweeps take and what they can show, before any of it runs: `snakemake plan`."""
    input:
        bars=expand(f"{MARKET}/bars.parquet", market=WHOLE_MARKETS),
        folds=expand(f"{FOLD}.npz", market=MARKETS_OF_SWEEPS, fold=0),
        descriptions=expand(
            f"{FOLD}.json", market=MARKETS_OF_SWEEPS, fold=range(FOLD_COUNT)
        ),
    log:
        f"{RESULTS}/plan.log",
    # What it prints is for the screen.
    localrule: True
    conda:
        "../envs/training.yaml"
    params:
        settings=canonical(
            {
                "sweeps": {
                    name: {
                        "agent": sweep.keys.agent,
                        "market": whole(sweep.keys.market),
                        "windows": len(windows),
                        "optimizer": sweep.keys.optimizer,
                        "rounds": [asdict(round_) for round_ in sweep.schedule],
                        "continued_rounds": sweep.continued_rounds,
                        "default": sweep.default,
                    }
                    for name, windows in settings.judged.items()
                    for sweep in [settings.sweeps[windows[0]]]
                },
                "folds": FOLD_COUNT,
                "tuning_seeds": len(TUNING_SEEDS),
                "final_seeds": len(FINAL_SEEDS),
                "trained": len(CANDIDATES) - 1,
                "backtest_budget": settings.top.backtest.budget,
                "test_start": {
                    name: settings.markets[name].test_start for name in WHOLE_MARKETS
                },
                "trials": {name: trials_made_on(name) for name in WHOLE_MARKETS},
                "environments": {
                    name: settings.markets[name].environment.model_dump()
                    for name in WHOLE_MARKETS
                },
            }
        ),
        slots=lambda wildcards: runs_at_a_time(),
        training=flags(training=TRAINING),
        markets=lambda wildcards, input: str(Path(input.bars[0]).parents[1]),
        sweeps=SWEEPS,
        code=code("analysis.plan"),
    shell:
        "exec python -m workflow_scripts.analysis.plan --settings {params.settings:q} --markets {params.markets:q}"
        " --sweeps {params.sweeps:q} --slots {params.slots} {params.training} 2> {log:q}"


rule write_report:
    """Put all sweeps in one page that needs no network, the verdicts first."""
    input:
        verdicts=verdicts,
        scores=scores,
        # The scores stand for them, and a third of what a plan takes is asking for files.
        runs=runs if IN_STORAGE else [],
        of_sweeps=expand(
            f"{SWEEP}/{{file}}",
            sweep=settings.sweeps,
            file=["trials.csv", "importance.json", "execution.json"],
        ),
        returns=[
            file
            for name in settings.sweeps
            for of_sweep in (backtest_returns, backtest_sharpes)
            for file in of_sweep(Wildcards(fromdict={"sweep": name}))
        ],
        baselines=[
            file
            for name in settings.sweeps
            for file in baseline_returns(Wildcards(fromdict={"sweep": name}))
        ],
        rounds=[
            f"{ROUND}/{MANIFEST}".format(sweep=name, round=number)
            for name, sweep in settings.sweeps.items()
            for number in range(len(sweep.schedule))
        ],
        of_markets=[
            *expand(f"{MARKET}/data.lock.json", market=WHOLE_MARKETS),
            *expand([f"{FEATURES}.json", f"{SEALED}.json"], market=MARKETS_OF_SWEEPS),
        ],
        folds=expand(
            [f"{FOLD}.json", BASELINE_RETURNS],
            market=MARKETS_OF_SWEEPS,
            fold=range(FOLD_COUNT),
        ),
    output:
        page=page,
    log:
        f"{RESULTS}/write_report.log",
    benchmark:
        f"{RESULTS}/write_report.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        results=lambda wildcards, output: str(Path(output[0]).parent),
        # What is judged in several windows stands before them.
        sweeps=" ".join(
            name
            for whole_sweep, windows in settings.judged.items()
            for name in dict.fromkeys([whole_sweep, *windows])
        ),
        # The template, its style and its script, which are no part of the code's digest.
        template=[sha256(path) for path in sorted(REPORT.glob("page.[chj]*"))],
        code=code("analysis.write_report"),
    shell:
        "exec python -m workflow_scripts.analysis.write_report --results {params.results:q}"
        " --sweeps {params.sweeps} --report {output.page:q} > {log:q} 2>&1"

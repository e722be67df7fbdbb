# One rule a round that is not yet kept: no rule makes the configurations of a kept one, so nothing can change them.
# A checkpoint, so that trials whose configurations come out the same are not trained again.
for sweep in SWEEPS:
    for number in range(kept_rounds(sweep), SWEEPS[sweep]["rounds"]):

        checkpoint:
            name:
                f"propose_trials_{sweep}_{number}"
            input:
                scores=scores_of_rounds(sweep, number),
                warm=[] if number else warm_scores(sweep),
            output:
                configs=expand(
                    f"{TRIAL}/config.yaml",
                    sweep=sweep,
                    round=number,
                    trial=range(SCHEDULES[sweep][number].size),
                ),
                manifest=f"{ROUND}/proposals.json".format(sweep=sweep, round=number),
            log:
                f"{ROUND}/propose_trials.log".format(sweep=sweep, round=number),
            benchmark:
                f"{ROUND}/propose_trials.tsv".format(sweep=sweep, round=number)
            localrule: True
            conda:
                "../envs/sweeps.yaml"
            params:
                sweep=sweep,
                number=number,
                settings=canonical(proposal_settings(config, sweep)),
                folder=lambda wildcards, output: Path(output.manifest).parent,
                scores="--scores" if number else "",
                warm="--warm-scores" if warm_scores(sweep) and not number else "",
                code=code("sweeps.propose_trials"),
            shell:
                "exec env OMP_NUM_THREADS=1 PYTHONHASHSEED=0 python -m workflow_scripts.sweeps.propose_trials --sweep {params.sweep}"
                " --number {params.number} --settings {params.settings:q} --folder {params.folder:q}"
                " {params.scores} {input.scores:q} {params.warm} {input.warm:q} > {log:q} 2>&1"


rule score_trial:
    """Average a trial's Sharpe ratios over its folds and seeds."""
    input:
        config=f"{TRIAL}/config.yaml",
        runs=runs_of_trial,
    output:
        score=f"{TRIAL}/score.json",
    log:
        f"{TRIAL}/score_trial.log",
    benchmark:
        f"{TRIAL}/score_trial.tsv"
    conda:
        "../envs/sweeps.yaml"
    params:
        code=code("sweeps.score_trial"),
    shell:
        "exec python -m workflow_scripts.sweeps.score_trial --config {input.config:q}"
        " --runs {input.runs:q} --score {output.score:q} > {log:q} 2>&1"


# A checkpoint, so that an incumbent that stays the same is not backtested again.
checkpoint collect_trials:
    """Gather all runs of a sweep in one table, with the incumbent and the backtest's configurations."""
    input:
        scores=scores_of_sweep,
    output:
        trials=report(
            f"{SWEEP}/trials.csv",
            caption="../report/trials.rst",
            category="{sweep}",
            labels={"result": "5. all runs"},
        ),
        incumbent=f"{SWEEP}/incumbent.yaml",
        candidates=expand(
            f"{BACKTEST}/{{candidate}}/config.yaml",
            candidate=CANDIDATES,
            allow_missing=True,
        ),
    log:
        f"{SWEEP}/collect_trials.log",
    benchmark:
        f"{SWEEP}/collect_trials.tsv"
    localrule: True
    conda:
        "../envs/sweeps.yaml"
    params:
        agent=lambda wildcards: SWEEPS[wildcards.sweep]["agent"],
        default=lambda wildcards: canonical(
            default_configuration(config, wildcards.sweep)
        ),
        top=config["backtest"]["top"],
        budget=(
            f"--budget {config['backtest']['budget']}"
            if config["backtest"]["budget"]
            else ""
        ),
        backtest=lambda wildcards, output: str(Path(output.candidates[0]).parents[1]),
        code=code("sweeps.collect_trials"),
    shell:
        "exec python -m workflow_scripts.sweeps.collect_trials --agent {params.agent} --default {params.default:q}"
        " --scores {input.scores:q} --top {params.top} {params.budget} --trials {output.trials:q}"
        " --incumbent {output.incumbent:q} --backtest {params.backtest:q} > {log:q} 2>&1"


rule plan:
    """Print what the sweeps take and what they can show, before any of it runs: `snakemake plan`."""
    input:
        bars=expand(f"{MARKET}/bars.parquet", market=MARKETS_OF_SWEEPS),
        folds=expand(f"{MARKET}/folds/fold_0.npz", market=MARKETS_OF_SWEEPS),
    log:
        "results/plan.log",
    conda:
        "../envs/training.yaml"
    params:
        settings=canonical(
            {
                "sweeps": SWEEPS,
                "default": {
                    name: default_configuration(config, name) for name in SWEEPS
                },
                "folds": len(FOLDS),
                "tuning_seeds": len(config["seeds"]["tuning"]),
                "final_seeds": len(config["seeds"]["final"]),
                "trained": len(CANDIDATES) - 1,
                "backtest_budget": config["backtest"]["budget"],
                "test_start": {
                    name: config["markets"][name]["test_start"]
                    for name in MARKETS_OF_SWEEPS
                },
            }
        ),
        slots=lambda wildcards: (
            workflow.global_resources.get("gpu", 1) if GPUS else workflow.cores
        ),
        training=flags(environment=config["environment"], training=TRAINING),
        code=code("sweeps.plan"),
    shell:
        "exec python -m workflow_scripts.sweeps.plan --settings {params.settings:q} --markets results/markets"
        " --sweeps results/sweeps --slots {params.slots} {params.training} 2> {log:q}"

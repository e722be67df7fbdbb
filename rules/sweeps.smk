# One rule a round that is not yet kept: no rule makes the configurations of a kept one, so nothing can change them.
# A checkpoint, so that trials whose configurations come out the same are not trained again.
for sweep, tuned in settings.sweeps.items():
    for number in range(KEPT_ROUNDS[sweep], tuned.keys.rounds):

        checkpoint:
            name:
                f"propose_trials_{sweep}_{number}"
            input:
                scores=scores_before_round(sweep, number),
                warm=[] if number else warm_scores(sweep),
            output:
                configs=expand(
                    f"{TRIAL}/config.yaml",
                    sweep=sweep,
                    round=number,
                    trial=range(tuned.schedule[number].size),
                ),
                manifest=f"{ROUND}/{MANIFEST}".format(sweep=sweep, round=number),
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
                settings=canonical(tuned.decisions()),
                folder=lambda wildcards, output: Path(output.manifest).parent,
                scores=scores_that_it_reads(sweep, number),
                warm="--warm-scores" if warm_scores(sweep) and not number else "",
                limit=tuned.keys.proposal_minutes,
                code=code(
                    "sweeps.propose_trials",
                    module_of(OPTIMIZERS, tuned.keys.optimizer),
                ),
            shell:
                "exec env OMP_NUM_THREADS=1 PYTHONHASHSEED=0 python -m workflow_scripts.sweeps.propose_trials --sweep {params.sweep}"
                " --number {params.number} --settings {params.settings:q} --folder {params.folder:q}"
                " {params.scores} {params.warm} {input.warm:q} --limit-minutes {params.limit}"
                " > {log:q} 2>&1"


# A configuration that is lost from a kept round comes from its manifest. A checkpoint, so that nothing trains again.
for sweep in settings.sweeps:
    for number in range(KEPT_ROUNDS[sweep]):
        if lost := lost_trials(Path(ROUND.format(sweep=sweep, round=number))):

            checkpoint:
                name:
                    f"restore_trials_{sweep}_{number}"
                input:
                    manifest=f"{ROUND}/{MANIFEST}".format(sweep=sweep, round=number),
                output:
                    configs=expand(
                        f"{TRIAL}/config.yaml", sweep=sweep, round=number, trial=lost
                    ),
                log:
                    f"{ROUND}/restore_trials.log".format(sweep=sweep, round=number),
                localrule: True
                conda:
                    "../envs/sweeps.yaml"
                params:
                    trials=" ".join(map(str, lost)),
                shell:
                    "exec python -m workflow_scripts.sweeps.restore_trials --manifest {input.manifest:q}"
                    " --trials {params.trials} > {log:q} 2>&1"


rule score_trial:
    """Make a trial's score of its runs' returns, by the sweep's objective."""
    input:
        config=f"{TRIAL}/config.yaml",
        runs=of_runs("sharpe.json"),
        returns=of_runs("returns.parquet") if IN_STORAGE else [],
        benchmarks=benchmarks_of_trial,
    output:
        score=f"{TRIAL}/score.json",
    log:
        f"{TRIAL}/score_trial.log",
    benchmark:
        f"{TRIAL}/score_trial.tsv"
    priority: turn_of_trial
    conda:
        "../envs/sweeps.yaml"
    params:
        objective=lambda wildcards: settings.sweeps[wildcards.sweep].keys.objective,
        code=lambda wildcards: code(
            "sweeps.score_trial",
            *own_module(settings.sweeps[wildcards.sweep].keys.objective),
        ),
    shell:
        "exec python -m workflow_scripts.sweeps.score_trial --config {input.config:q} --runs {input.runs:q}"
        " --benchmarks {input.benchmarks:q} --objective {params.objective:q} --score {output.score:q}"
        " > {log:q} 2>&1"


# A checkpoint, so that from a table that stays the same nothing is made again.
checkpoint collect_trials:
    """Gather all runs of a sweep in one table, with the incumbent."""
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
    log:
        f"{SWEEP}/collect_trials.log",
    benchmark:
        f"{SWEEP}/collect_trials.tsv"
    localrule: True
    conda:
        "../envs/sweeps.yaml"
    params:
        agent=lambda wildcards: settings.sweeps[wildcards.sweep].keys.agent,
        top=settings.top.backtest.top,
        code=code("sweeps.collect_trials"),
    shell:
        "exec python -m workflow_scripts.sweeps.collect_trials --agent {params.agent} --scores {input.scores:q}"
        " --top {params.top} --trials {output.trials:q} --incumbent {output.incumbent:q} > {log:q} 2>&1"

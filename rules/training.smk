import shlex


rule train_agent:
    """Train one trial on one fold with one seed; score it on the validation days."""
    input:
        config=config_of_run,
        fold=fold_of_run,
        description=description_of_fold,
    output:
        policy=f"{RUN}/policy.pt",
        sharpe=f"{RUN}/sharpe.json",
        returns=f"{RUN}/returns.parquet",
        weights=f"{RUN}/weights.parquet",
        curves=f"{RUN}/curves.parquet",
    log:
        run=f"{RUN}/train_agent.log",
        usage=f"{RUN}/train_agent.tsv",
    wildcard_constraints:
        sweep="|".join(
            name for name in settings.sweeps if name not in CONTINUING_SWEEPS
        )
        or "(?!)",
    priority: turn_of_trial
    retries: RETRIES
    conda:
        "../envs/training.yaml"
    resources:
        gpu=GPUS or None,
        mem_mb=memory("train_agent"),
        watch=WATCH,
        attempt=attempt_flags,
    params:
        settings=training_flags,
        lineage="",
        code=training_code,
    shell:
        "start workflow_scripts.training.train_agent --config {input.config:q} --fold {input.fold:q}"
        " --seed {wildcards.seed} --policy {output.policy:q} --sharpe {output.sharpe:q}"
        " --returns {output.returns:q} --weights {output.weights:q} --curves {output.curves:q}"
        " {params.settings} {params.lineage}"
        " {resources.watch} {resources.attempt} --usage {log.usage:q} > {log.run:q} 2>&1"


if CONTINUING_SWEEPS:

    # These runs may continue one of the round before, and leave their state to the next; which one, the proposal says.
    use rule train_agent as continue_agent with:
        input:
            config=config_of_run,
            fold=fold_of_run,
            description=description_of_fold,
            parents=states_of_round_before,
        output:
            policy=f"{RUN}/policy.pt",
            sharpe=f"{RUN}/sharpe.json",
            returns=f"{RUN}/returns.parquet",
            weights=f"{RUN}/weights.parquet",
            curves=f"{RUN}/curves.parquet",
            state=f"{RUN}/state.pt",
        wildcard_constraints:
            sweep="|".join(CONTINUING_SWEEPS),
        params:
            settings=training_flags,
            lineage=lambda wildcards, input, output: shlex.join(
                [
                    *(["--parents", *input.parents] if input.parents else []),
                    "--state",
                    output.state,
                ]
            ),
            code=training_code,


rule backtest_incumbent:
    """Train a chosen configuration on all days before the test days with a fresh seed; trade the test days once."""
    input:
        config=config_of_backtest,
        sealed=sealed_of_sweep,
        description=description_of_sealed,
    output:
        policy=f"{BACKTEST_RUN}/policy.pt",
        sharpe=f"{BACKTEST_RUN}/sharpe.json",
        returns=f"{BACKTEST_RUN}/returns.parquet",
        weights=f"{BACKTEST_RUN}/weights.parquet",
        curves=f"{BACKTEST_RUN}/curves.parquet",
    log:
        run=f"{BACKTEST_RUN}/backtest_incumbent.log",
        usage=f"{BACKTEST_RUN}/backtest_incumbent.tsv",
    priority: AFTER_ALL_TRIALS
    retries: RETRIES
    conda:
        "../envs/training.yaml"
    resources:
        gpu=GPUS or None,
        mem_mb=memory("backtest_incumbent"),
        watch=WATCH,
        attempt=attempt_flags,
    params:
        settings=training_flags,
        code=backtest_code,
    shell:
        "start workflow_scripts.training.backtest_incumbent --config {input.config:q}"
        " --sealed {input.sealed:q} --seed {wildcards.seed} --policy {output.policy:q}"
        " --sharpe {output.sharpe:q} --returns {output.returns:q} --weights {output.weights:q}"
        " --curves {output.curves:q} {params.settings}"
        " {resources.watch} {resources.attempt} --usage {log.usage:q} > {log.run:q} 2>&1"


rule trade_ensemble:
    """Trade the test days by the mean action of several seeds' policies."""
    input:
        config=config_of_ensemble,
        sealed=sealed_of_sweep,
        description=description_of_sealed,
        policies=of_members("policy.pt"),
        sharpes=of_members("sharpe.json"),
    output:
        sharpe=f"{BACKTEST_RUN}/sharpe.json",
        returns=f"{BACKTEST_RUN}/returns.parquet",
        weights=f"{BACKTEST_RUN}/weights.parquet",
    log:
        run=f"{BACKTEST_RUN}/trade_ensemble.log",
        usage=f"{BACKTEST_RUN}/trade_ensemble.tsv",
    wildcard_constraints:
        candidate="|".join(ENSEMBLES),
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=memory("backtest_incumbent"),
    params:
        settings=training_flags,
        code=code_with_agent("training.trade_ensemble"),
    shell:
        "start workflow_scripts.training.trade_ensemble --config {input.config:q} --sealed {input.sealed:q}"
        " --policies {input.policies:q} --sharpe {output.sharpe:q} --returns {output.returns:q}"
        " --weights {output.weights:q} {params.settings} --usage {log.usage:q} > {log.run:q} 2>&1"


rule backtest_baselines:
    """Trade the test days as the benchmark, equal weight, and buy and hold do."""
    input:
        sealed=sealed_of_sweep,
        description=description_of_sealed,
    output:
        returns=expand(
            f"{BACKTEST}/{{baseline}}/returns.parquet",
            baseline=BASELINES,
            allow_missing=True,
        ),
        weights=expand(
            f"{BACKTEST}/{{baseline}}/weights.parquet",
            baseline=BASELINES,
            allow_missing=True,
        ),
    log:
        f"{BACKTEST}/backtest_baselines.log",
    benchmark:
        f"{BACKTEST}/backtest_baselines.tsv"
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=memory("backtest_baselines"),
    params:
        folder=lambda wildcards, output: str(Path(output.returns[0]).parents[1]),
        settings=environment_flags,
        code=code("training.backtest_baselines"),
    shell:
        "start workflow_scripts.training.backtest_baselines --sealed {input.sealed:q}"
        " --folder {params.folder:q} {params.settings} > {log:q} 2>&1"


rule backtest_index:
    """Take what a market's index earned on the test days."""
    input:
        bars=of_whole_market(f"{MARKET}/bars.parquet"),
        sealed=sealed_of_sweep,
        description=description_of_sealed,
    output:
        returns=f"{BACKTEST}/index/returns.parquet",
    log:
        f"{BACKTEST}/backtest_index.log",
    localrule: True
    conda:
        "../envs/training.yaml"
    params:
        settings=environment_flags,
        code=code("training.backtest_index"),
    shell:
        "exec python -m workflow_scripts.training.backtest_index --bars {input.bars:q} --sealed {input.sealed:q}"
        " --returns {output.returns:q} {params.settings} > {log:q} 2>&1"


rule vary_execution:
    """Trade the test days anew with the policies that were judged on them, under other fees and delays."""
    input:
        config=f"{CANDIDATE}/config.yaml".replace("{candidate}", RANKS[0]),
        sealed=sealed_of_sweep,
        description=description_of_sealed,
        policies=of_tuned_runs("policy.pt"),
        sharpes=of_tuned_runs("sharpe.json"),
    output:
        execution=f"{SWEEP}/execution.json",
    log:
        f"{SWEEP}/vary_execution.log",
    benchmark:
        f"{SWEEP}/vary_execution.tsv"
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=memory("backtest_incumbent"),
    params:
        settings=training_flags,
        code=code_with_agent("training.vary_execution"),
    shell:
        "start workflow_scripts.training.vary_execution --config {input.config:q} --sealed {input.sealed:q}"
        " --policies {input.policies:q} --execution {output.execution:q} {params.settings} > {log:q} 2>&1"


rule evaluate_baselines:
    """Score the baselines on every fold's validation days; on a planted market the oracle too."""
    input:
        folds=expand(f"{FOLD}.npz", fold=range(FOLD_COUNT), allow_missing=True),
        descriptions=(
            expand(f"{FOLD}.json", fold=range(FOLD_COUNT), allow_missing=True)
            if IN_STORAGE
            else []
        ),
        features=features_of_planted,
    output:
        baselines=f"{MARKET}/baselines.json",
        returns=expand(BASELINE_RETURNS, fold=range(FOLD_COUNT), allow_missing=True),
    log:
        f"{MARKET}/evaluate_baselines.log",
    benchmark:
        f"{MARKET}/evaluate_baselines.tsv"
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=memory("evaluate_baselines"),
    params:
        oracle=lambda wildcards, input: (
            f"--features {shlex.quote(input.features)}" if input.features else ""
        ),
        settings=environment_flags,
        code=code("training.evaluate_baselines"),
    shell:
        "start workflow_scripts.training.evaluate_baselines --folds {input.folds:q}"
        " {params.oracle} --baselines {output.baselines:q} --returns {output.returns:q} {params.settings}"
        " > {log:q} 2>&1"

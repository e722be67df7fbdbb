rule download_bars:
    """Fetch a market's daily bars, check them, and lock what came."""
    input:
        files_of_market,
    output:
        # update: where a download fails, the bars of before stay.
        bars=update(f"{MARKET}/bars.parquet"),
        lock=report(
            update(f"{MARKET}/data.lock.json"),
            caption="../report/market.rst",
            category="markets",
            labels={"result": "{market}"},
        ),
    log:
        f"{MARKET}/download_bars.log",
    benchmark:
        f"{MARKET}/download_bars.tsv"
    localrule: True
    conda:
        "../envs/data.yaml"
    resources:
        mem_mb=memory("download_bars"),
    params:
        market=market_settings,
        refreshed=refreshed,
        code=lambda wildcards: code("data.download_bars", source_module(wildcards)),
    shell:
        "exec python -m workflow_scripts.data.download_bars --market {params.market:q}"
        " --refreshed {params.refreshed} --bars {output.bars:q} --lock {output.lock:q} > {log:q} 2>&1"


# No checkpoint: Snakemake would spare split_folds where the features come out the same, and not what stands above it.
rule compute_features:
    """Compute a market's features once; keep those before the test days apart from the test days."""
    input:
        bars=of_whole_market(f"{MARKET}/bars.parquet"),
    output:
        features=f"{FEATURES}.npz",
        description=f"{FEATURES}.json",
        sealed=f"{SEALED}.npz",
        sealed_description=f"{SEALED}.json",
    log:
        f"{MARKET}/compute_features.log",
    benchmark:
        f"{MARKET}/compute_features.tsv"
    conda:
        "../envs/data.yaml"
    resources:
        mem_mb=memory("compute_features"),
    params:
        test_start=test_start_of_market,
        test_stop=test_stop_flag,
        turbulence_days=settings.top.features.turbulence_days,
        purge_days=settings.top.folds.dropped_days,
        by_run="--by-run" if settings.top.folds.scheme == "combinatorial" else "",
        code=code("data.compute_features"),
    shell:
        "exec python -m workflow_scripts.data.compute_features --bars {input.bars:q}"
        " --features {output.features:q} --sealed {output.sealed:q} --test-start {params.test_start:q} {params.test_stop}"
        " --turbulence-days {params.turbulence_days} --purge-days {params.purge_days} {params.by_run} > {log:q} 2>&1"


# A checkpoint, so that Snakemake judges by content what depends on a fold: equal bytes stop here.
checkpoint split_folds:
    """Cut a market's days before its test days into folds."""
    input:
        features=f"{FEATURES}.npz",
    output:
        folds=expand(f"{FOLD}.npz", fold=range(FOLD_COUNT), allow_missing=True),
        descriptions=expand(f"{FOLD}.json", fold=range(FOLD_COUNT), allow_missing=True),
    log:
        f"{MARKET}/folds/split_folds.log",
    benchmark:
        f"{MARKET}/folds/split_folds.tsv"
    conda:
        "../envs/data.yaml"
    resources:
        mem_mb=memory("split_folds"),
    params:
        folder=lambda wildcards, output: Path(output.folds[0]).parent,
        settings=flags(settings=settings.top.folds.of_form()),
        code=code("data.split_folds"),
    shell:
        "exec python -m workflow_scripts.data.split_folds --features {input.features:q}"
        " --folds {params.folder:q} {params.settings} > {log:q} 2>&1"


# Without inputs, so that it compares with the bars that stand and makes nothing anew; `make diff MARKET=…` forces it.
rule diff_market:
    """Say what a vendor has changed since a market was locked, and which folds that touches."""
    output:
        diff=f"{MARKET}/data.diff.json",
    log:
        f"{MARKET}/diff_market.log",
    localrule: True
    conda:
        "../envs/data.yaml"
    params:
        bars=lambda wildcards: f"{MARKET}/bars.parquet".format(**wildcards),
        lock=lambda wildcards: f"{MARKET}/data.lock.json".format(**wildcards),
        market=market_settings,
        test_start=starts_of_windows,
        turbulence_days=settings.top.features.turbulence_days,
        settings=flags(settings=settings.top.folds.of_form()),
    shell:
        "exec python -m workflow_scripts.data.diff_market --market {params.market:q} --bars {params.bars:q}"
        " --lock {params.lock:q} --test-start {params.test_start:q} --turbulence-days {params.turbulence_days}"
        " {params.settings} --diff {output.diff:q} > {log:q} 2>&1"

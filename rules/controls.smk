# A sweep on markets whose truth is known: `snakemake controls`. Without that target there are no such markets.
from dataclasses import asdict

PLANTED = [
    market for market in MARKETS_OF_SWEEPS if settings.markets[market].source.planted
]
# The first control of each kind and strength, whose growth is drawn.
FIRST_OF_STRENGTH = {
    (control.kind, control.strength): control.name
    for control in reversed(settings.controls)
}.values()


if CONTROLS:

    # What controls are made of lies where the user's sweeps have it.
    use rule download_bars as download_bars_of_controls with:
        output:
            bars=update(f"{of_user.MARKET}/bars.parquet"),
            lock=report(
                update(f"{of_user.MARKET}/data.lock.json"),
                caption="../report/market.rst",
                category="markets",
                labels={"result": "{market}"},
            ),
        log:
            f"{of_user.MARKET}/download_bars.log",
        benchmark:
            f"{of_user.MARKET}/download_bars.tsv"


rule backtest_oracle:
    """Trade the test days of a planted market as one does who sees the signal."""
    input:
        sealed=f"{SEALED}.npz",
        description=f"{SEALED}.json" if IN_STORAGE else [],
        bars=of_whole_market(f"{MARKET}/bars.parquet"),
    output:
        returns=f"{MARKET}/oracle.parquet",
    log:
        f"{MARKET}/backtest_oracle.log",
    benchmark:
        f"{MARKET}/backtest_oracle.tsv"
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=memory("backtest_baselines"),
    params:
        settings=environment_flags,
        code=code("training.backtest_oracle"),
    shell:
        "start workflow_scripts.training.backtest_oracle --sealed {input.sealed:q} --bars {input.bars:q}"
        " --returns {output.returns:q} {params.settings} > {log:q} 2>&1"


rule collect_controls:
    """Count over all markets of known truth what the verdicts claim."""
    input:
        verdicts=expand(
            f"{SWEEP}/verdict.json",
            sweep=[control.name for control in settings.controls],
        ),
        oracles=expand(f"{MARKET}/oracle.parquet", market=PLANTED) if CONTROLS else [],
    output:
        table=report(
            f"{of_controls.FOLDER}/controls.csv",
            caption="../report/controls.rst",
            category="controls",
            labels={"result": "a row for each market"},
        ),
        counts=f"{of_controls.FOLDER}/controls.json",
    log:
        f"{of_controls.FOLDER}/collect_controls.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        controls=canonical([asdict(control) for control in settings.controls]),
        settings=lambda wildcards: canonical(
            {
                "sweep": of_controls.chosen_sweep(config, settings.top.controls),
                "settings": settings.top.controls.model_dump(),
                "confidence": settings.top.backtest.confidence,
            }
        ),
        code=code("analysis.collect_controls"),
    shell:
        "exec python -m workflow_scripts.analysis.collect_controls --controls {params.controls:q}"
        " --settings {params.settings:q} --verdicts {input.verdicts:q} --table {output.table:q}"
        " --counts {output.counts:q} --oracles {input.oracles:q} > {log:q} 2>&1"


rule plot_controls:
    """Draw how often skill is claimed by what is planted, and the p-values where nothing is."""
    input:
        table=f"{of_controls.FOLDER}/controls.csv",
    output:
        claims=report(
            f"{of_controls.FOLDER}/claims.svg",
            caption="../report/claims.rst",
            category="controls",
            labels={"result": "claims by what is planted"},
        ),
        p_values=report(
            f"{of_controls.FOLDER}/p_values.svg",
            caption="../report/p_values.rst",
            category="controls",
            labels={"result": "p-values where nothing is planted"},
        ),
    log:
        f"{of_controls.FOLDER}/plot_controls.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        confidence=settings.top.backtest.confidence,
        code=code("analysis.plot_controls"),
    shell:
        "exec python -m workflow_scripts.analysis.plot_controls --table {input.table:q}"
        " --confidence {params.confidence} --claims {output.claims:q} --p-values {output.p_values:q} > {log:q} 2>&1"


rule controls:
    """The pipeline itself is measured."""
    input:
        rules.collect_controls.output,
        rules.plot_controls.output,
        [f"{SWEEP}/equity.svg".format(sweep=name) for name in FIRST_OF_STRENGTH],
        scores if CONTROLS else [],
        runs if CONTROLS else [],
        on_the_way if CONTROLS else [],

# What is done with a verdict. Nothing here trains, judges, or opens the test days once more.


# Beside the bars that were judged: with more test days these would be judged anew.
use rule download_bars as download_latest with:
    output:
        bars=update(f"{LATEST}.parquet"),
        lock=update(f"{LATEST}.lock.json"),
    log:
        f"{MARKET}/download_latest.log",
    benchmark:
        f"{MARKET}/download_latest.tsv"
    params:
        market=latest_settings,
        refreshed=asked_now,
        code=lambda wildcards: code("data.download_bars", source_module(wildcards)),


# Without outputs, so that it runs whenever it is asked for.
rule orders:
    """Write what an incumbent trades on the latest day of its market: `snakemake orders`."""
    input:
        bars=latest_bars,
    log:
        f"{RESULTS}/orders.log",
    localrule: True
    conda:
        "../envs/training.yaml"
    params:
        sweeps=" ".join(ORDERED),
        deciding=DECIDING,
        sealed=f"{SEALED}.json".format(market=settings.sweeps[DECIDING].keys.market),
        bars="" if ORDERED[1:] else "--bars",
        settings=flags(settings=settings.top.orders.model_dump()),
        anyway="--anyway" if settings.top.anyway else "",
        results=RESULTS,
    shell:
        "exec python -m workflow_scripts.analysis.write_orders --results {params.results:q} --sweeps {params.sweeps}"
        " --deciding {params.deciding} --sealed {params.sealed:q}"
        " {params.bars} {input.bars:q} {params.settings} {params.anyway} 2> {log:q}"

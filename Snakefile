from snakemake.utils import min_version

min_version("9.27")


configfile: "config.yaml"


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/sweeps.smk"
include: "rules/training.smk"
include: "rules/analysis.smk"


rule all:
    default_target: True
    input:
        verdicts,
        figures,
        leaderboard,
        scores,
        runs,

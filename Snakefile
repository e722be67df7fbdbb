import atexit
import gc
import inspect
from functools import partial

from snakemake.common import overwrite_function_params
from snakemake.resources import Resource
from snakemake.utils import min_version

min_version("9.27")

# A plan is made of millions of objects, and Python's search among them for cycles, of which there are hardly any, took a
# quarter of its time. It still searches, far more seldom, and no more when the process ends.
gc.set_threshold(50_000, 50, 100)
atexit.register(gc.freeze)


include: "rules/files.smk"


# A file named with --configfile stands in place of config.yaml; Snakemake would lay it over.
if not workflow.config_settings.configfiles:

    configfile: "config.yaml"


include: "rules/common.smk"
include: "rules/start.smk"
include: "rules/inputs.smk"
include: "rules/params.smk"
include: "rules/data.smk"
include: "rules/sweeps.smk"
include: "rules/training.smk"
include: "rules/analysis.smk"
include: "rules/orders.smk"
include: "rules/controls.smk"


# Snakemake asks for a function's parameters each time that it calls it, which takes a tenth of a plan.
for function in filter(inspect.isfunction, [*globals().values()]):
    overwrite_function_params(function, inspect.signature(function).parameters)
overwrite_function_params(
    Resource.evaluate, inspect.signature(partial(Resource.evaluate, None)).parameters
)


rule all:
    default_target: True
    input:
        verdicts,
        figures,
        paths,
        leaderboard,
        page,
        scores,
        runs,
        on_the_way,

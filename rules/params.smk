# What jobs are told beside their files, from their wildcards.
import os

from workflow_scripts.sweeps.cost import sweep_batches
from workflow_scripts.sweeps.turns import turns
from workflow_scripts.workflow.kept_rounds import trials_kept
from workflow_scripts.workflow.memory_requests import request_mb
from workflow_scripts.workflow.registry import module_of


def market_settings(wildcards):
    """What a market's download depends on, as JSON."""
    return canonical(market_of(wildcards).source.settings())


def latest_settings(wildcards):
    """What the latest bars of a market depend on: an end that is there to fix windows of test days is none of them."""
    source = market_of(wildcards).source
    if settings.top.test.windows > 1:
        source = source.model_copy(update={"end": None})
    return canonical(source.settings())


def test_stop_flag(wildcards):
    """Flag of a market that has a window of the test days: the first day after it."""
    stop = market_of(wildcards).test_stop
    return f"--test-stop {stop}" if stop else ""


def windows_flag(wildcards):
    """Flag of a sweep before a window of the test days: all that one verdict judges with it."""
    together = settings.judged.get(whole(wildcards.sweep), [])
    return f"--windows {' '.join(together)}" if len(together) > 1 else ""


def source_module(wildcards):
    """The module that reads a market's bars."""
    return module_of(SOURCES, market_of(wildcards).source.source)


def own_module(name):
    """The module of a user's own objective; those of foldsweep are part of what scores."""
    return [name.partition(":")[0]] if ":" in name else []


def environment_flags(wildcards):
    """Flags of a job that trades: how an action becomes trades on its market."""
    return flags(environment=market_of(wildcards).environment.model_dump())


def training_flags(wildcards):
    """Flags of a job that trains."""
    return f"{environment_flags(wildcards)} {flags(training=TRAINING)}"


@cache
def trials_made_on(market):
    """How many trials were ever made on a market: of its sweeps, and of what results/ holds of earlier or longer ones."""
    here = [
        sweep.trials
        for sweep in settings.sweeps.values()
        if whole(sweep.keys.market) == market
    ]
    planned = {name: len(sweep.schedule) for name, sweep in settings.sweeps.items()}
    try:
        return sum(here) + trials_kept(market, planned, ROOT)
    except ValueError as error:
        raise WorkflowError(str(error)) from None


def megabytes(files):
    """What files hold. Snakemake's own count starts an event loop for each job, a seventh of what a plan takes."""
    if IN_STORAGE:
        return files.size_mb
    return sum(os.stat(file).st_size for file in files) / 2**20


def memory(verb):
    """Resource function: MB of memory by the size of a job's inputs; a retry asks for more."""
    return lambda wildcards, input, attempt: request_mb(verb, megabytes(input), attempt)


# Whose turn it is among jobs that train: the lower the place, the earlier. All else has Snakemake's priority of 0 and
# goes first, so that a round that is through is scored, and the next one proposed, before more of others is trained.
TURNS = turns(
    {
        name: sweep_batches(sweep.schedule, sweep.continued_rounds)
        for name, sweep in settings.sweeps.items()
    }
)
AFTER_ALL_TRIALS = -len(TURNS)


def turn_of_trial(wildcards):
    """Priority of a trial's jobs; its score has that of its runs, since a cluster may take them together."""
    return -TURNS[wildcards.sweep, int(wildcards.round), int(wildcards.trial)]


def runs_at_a_time():
    """How many runs go side by side: on a cluster as many as it takes jobs, else as there are GPUs or cores."""
    asked = workflow.resource_settings
    if asked.cores is None:
        return asked.nodes
    return workflow.global_resources.get("gpu", 1) if GPUS else asked.cores


def attempt_flags(wildcards, attempt):
    """Flags of an attempt: its log is kept if it fails, and the last one writes down what the others only reported."""
    last = "--last-attempt" if attempt > RETRIES else "--no-last-attempt"
    return f"--attempt {attempt} {last}"


def code_with_agent(verb):
    """Params function: the digest of a verb and of the one agent that it trains."""
    return lambda wildcards: code(
        verb, module_of(AGENTS, settings.sweeps[wildcards.sweep].keys.agent)
    )


training_code = code_with_agent("training.train_agent")
backtest_code = code_with_agent("training.backtest_incumbent")

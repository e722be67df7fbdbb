# What acts while the workflow is parsed: in the main process alone, and never in a dry run, which changes nothing.
import os
import signal
import socket
import threading
from datetime import datetime
from functools import cache

from snakemake.jobs import Job
from snakemake.scheduling.job_scheduler import JobScheduler

from workflow_scripts.sweeps.objectives import label
from workflow_scripts.workflow.files import write_text
from workflow_scripts.workflow.kept_rounds import count_kept_rounds, lost_trials
from workflow_scripts.workflow.paths import MACHINE
from workflow_scripts.workflow.policies import is_damaged
from workflow_scripts.workflow.start import (
    gpus_of_a_run,
    in_a_thread_of_its_own,
    in_brief,
    look_again_where_jobs_wait,
    shell_prefix,
    why_no_gpu,
)
from workflow_scripts.workflow.wording import several

GPUS = gpus_of_a_run(settings.top.training.wanted_device(os.environ), os.environ)
if workflow.is_main_process and not CONTROLS:
    if reason := why_no_gpu(settings.top.training, os.environ):
        logger.info(reason)


def told(name):
    """What the screen says of a sweep before it runs."""
    sweep = settings.sweeps[name]
    keys = sweep.keys
    return {
        "folder": SWEEP.format(sweep=name),
        "trials": sweep.trials,
        "about": f"{keys.agent} on {keys.market}, proposed by {keys.optimizer}: {several(sweep.trials, 'trial')} in "
        f"{several(len(sweep.schedule), 'round')}; a score is the {label(keys.objective)} over "
        f"{several(sweep.runs, 'run')} ({several(FOLD_COUNT, 'fold')} × {several(len(TUNING_SEEDS), 'seed')})",
    }


if workflow.is_main_process:
    # What the screen is told of the sweeps. Snakemake's own screen shows no empty message.
    logger.info("", extra={"sweeps": {name: told(name) for name in settings.sweeps}})


# Snakemake 9.27's own handler of SIGTERM may wait for ever for a lock that its thread holds.
if not hasattr(JobScheduler.exit_gracefully, "__wrapped__"):
    JobScheduler.exit_gracefully = in_a_thread_of_its_own(JobScheduler.exit_gracefully)
    JobScheduler._schedule_reevalutation = look_again_where_jobs_wait
    Job.log_info = in_brief(Job.log_info)
# A terminal that closes, an ssh that breaks off: Snakemake would die at once and leave its lock. Under nohup it goes on.
if (
    workflow.is_main_process
    and threading.current_thread() is threading.main_thread()
    and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
):
    signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
# No part of any rule, so that a change of how jobs start reruns nothing.
WARM = settings.top.training.warm_workers and not workflow.remote_exec
shell.prefix(shell_prefix(CHECKOUT, WARM).replace("{", "{{").replace("}", "}}"))

# The time at which this run asks for new downloads. Jobs parse this file again and inherit it.
REFRESH = None
if settings.top.refresh:
    REFRESH = os.environ.setdefault(
        "FOLDSWEEP_REFRESH", datetime.now().isoformat(timespec="seconds")
    )


onstart:
    # make resume asks for it, which cannot see whether a Snakemake of another machine is alive.
    write_text(Path(MACHINE), f"{socket.gethostname()}\n")


def runs_for_real():
    """Whether this process is going to run jobs: known only when the graph of jobs is built, not at parsing."""
    return (
        workflow.is_main_process
        and workflow.executor_plugin is not None
        and not workflow.dryrun
        and not workflow.touch
    )


@cache
def without_damaged_policy(run):
    """Remove the policy of a run that cannot be whole, so that the run is made again; in a dry run say so, once."""
    policy = Path(run) / "policy.pt"
    if workflow.is_main_process and is_damaged(policy):
        if runs_for_real():
            policy.unlink()
            logger.warning(
                f"{policy} was damaged and is removed: its run is made again"
            )
        else:
            logger.warning(
                f"{policy} is damaged: a run of Snakemake removes it and makes it again"
            )


def kept_rounds(sweep):
    """Number of rounds of a sweep whose proposals stand; the setting replay opens them all again."""
    if settings.top.replay:
        return 0
    try:
        return count_kept_rounds(
            Path(SWEEP.format(sweep=sweep)), settings.sweeps[sweep].decisions()
        )
    except ValueError as error:
        raise WorkflowError(str(error)) from None


KEPT_ROUNDS = {sweep: kept_rounds(sweep) for sweep in settings.sweeps}

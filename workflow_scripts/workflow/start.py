"""How a run starts, on which resources, and what a job's shell is told."""

import shlex
import threading
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent

from workflow_scripts.training.run.settings import PORTFOLIOS_FOR_A_GPU, TrainingSettings


def gpus_of_a_run(device: str, environment: Mapping[str, str]) -> int:
    """Return how many of the resource gpu a training asks for; ``auto`` looks at this machine.

    Args:
        device: the setting.
        environment: where CUDA_VISIBLE_DEVICES may hide every GPU.

    """
    return 1 if device == "cuda" or (device == "auto" and shows_gpu(environment)) else 0


def shows_gpu(environment: Mapping[str, str]) -> bool:
    """Return whether this machine has an NVIDIA GPU that is not hidden."""
    hidden = environment.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1")
    return Path("/dev/nvidiactl").exists() and not hidden


def why_no_gpu(training: TrainingSettings, environment: Mapping[str, str]) -> str | None:
    """Return why ``training.device: auto`` takes no GPU here; none where it does, or another device is set."""
    if training.device != "auto":
        return None
    if not shows_gpu(environment):
        return (
            "training.device is auto and this machine shows no GPU (no /dev/nvidiactl, or CUDA_VISIBLE_DEVICES hides "
            "it): no run asks for one, unless a profile says so"
        )
    if training.wanted_device(environment) == "cpu":
        return (
            f"training.device is auto: runs of {training.num_envs} portfolios train faster on cores than on a GPU, and "
            f"ask for none, unless a profile says so; with training.num_envs {PORTFOLIOS_FOR_A_GPU} or more, or "
            f"training.device cuda, they take one"
        )
    return None


def shell_prefix(checkout: Path, warm: bool) -> str:
    """Return what every job's shell begins with: it knows its parent and the code, and how a verb with torch starts.

    ``start MODULE …`` runs a verb from a warm worker, or in a process of its own: a job on another machine is alone
    there, and not warm. A CUDA context would not survive a fork, and a warm worker has none.

    Args:
        checkout: folder of the code, which need not be the working folder.
        warm: whether runs start from a warm worker.

    """
    client = checkout / "workflow_scripts" / "workflow" / "run_warm.py"
    run = f"python -I -S {shlex.quote(str(client))}" if warm else "python -m"
    return (
        f"export FOLDSWEEP_PARENT=$PPID PYTHONPATH={shlex.quote(str(checkout))}${{PYTHONPATH:+:$PYTHONPATH}}; "
        f'start() {{ exec {run} "$@"; }}; '
    )


def in_a_thread_of_its_own(handler: Callable[..., Any]) -> Callable[..., None]:
    """Return a signal handler that may wait for a lock which the interrupted thread holds itself.

    Python runs a handler in the main thread, between two steps of what it interrupts. Snakemake's answer to SIGTERM
    takes the lock of its scheduler: where the main thread holds it, as while jobs end, it would wait for itself.
    """

    @wraps(handler)
    def beside(*arguments: Any) -> None:
        threading.Thread(target=handler, args=arguments, daemon=True).start()

    return beside


def look_again_where_jobs_wait(scheduler: Any, delay: float) -> None:
    """Have a scheduler look again after some seconds, where the limit of jobs holds some back and no look is due yet.

    Snakemake 9.27 starts a timer after each look, at whose end it looks and starts the next: with every job that ends
    there is one more, so that after a thousand jobs it looks a thousand times per second, and each look goes through
    all that is ready. A job's end is a look anyway.
    """
    limit = scheduler.job_rate_limiter
    waits = limit is None or not limit.get_free_jobs() or scheduler.workflow.dag.has_unfinished_queue_input_jobs()
    if not waits or getattr(scheduler, "look_is_due", False):
        return

    def look() -> None:
        scheduler.look_is_due = False
        scheduler._open_jobs.release()

    scheduler.look_is_due = True
    timer = threading.Timer(delay, look)
    timer.daemon = True  # the last job's end does not wait for it
    timer.start()


def in_brief(log_info: Callable[..., None]) -> Callable[..., None]:
    """Return Snakemake's word on a job that begins, without files and command where the one who listens reads neither.

    A handler of events says so by its ``reads_in_brief``. To spell them takes a third of what a dry run takes.
    """

    @wraps(log_info)
    def sparing(job: Any, *arguments: Any, **named: Any) -> None:
        workflow = job.dag.workflow
        handlers = workflow.logger_manager.get_log_handlers()
        if not workflow.dryrun or not handlers or not all(getattr(each, "reads_in_brief", False) for each in handlers):
            log_info(job, *arguments, **named)
            return
        logger.info(
            f"Rule: {job.rule.name}",
            extra={
                "event": LogEvent.JOB_INFO,
                "jobid": job.dag.jobid(job),
                "rule_name": job.rule.name,
                "local": False,
                "wildcards": job.wildcards_dict,
                "reason": str(job.dag.reason(job)),
                "resources": job.resources,
                "priority": job.priority,
                "threads": job.threads,
                "indent": False,
                "printshellcmd": False,
                "is_checkpoint": job.rule.is_checkpoint,
                "is_handover": False,
                "input": [],
                "output": [],
                "log": [],
                "benchmark": None,
                "rule_msg": None,
                "shellcmd": None,
            },
        )

    return sparing

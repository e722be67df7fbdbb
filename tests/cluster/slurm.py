"""A SLURM of one node on loopback, without systemd, cgroups or accounting; its two GPUs are /dev/null and /dev/zero."""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.waiting import PATIENCE, wait_for

# The executor plugin takes SLURM_CONF from the jobs' environment, so that the configuration has to stand here.
ETC = Path("/etc/slurm")
FIRST_LINE = "# Written by foldsweep's tests (tests/cluster/slurm.py), which remove it when they end."
PACKAGES = ("slurm-wlm", "munge")

SLURM_CONF = f"""{FIRST_LINE}
ClusterName=toy
SlurmctldHost={{host}}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A job of a node that died waits for the end of its credential before it starts again: two minutes, unless told less.
AuthInfo=socket={{folder}}/munge.sock,cred_expire=10
CredType=cred/munge
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation={{folder}}/state
SlurmdSpoolDir={{folder}}/spool
SlurmctldPidFile={{folder}}/slurmctld.pid
SlurmdPidFile={{folder}}/slurmd.pid
SwitchType=switch/none
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
# A node that does not answer for so many seconds is down, and its jobs are queued again.
SlurmdTimeout=10
# Seconds between SIGTERM and SIGKILL of a job that is cancelled or past its time.
KillWait=15
# A job past its limit ends at the next whole minute.
OverTimeLimit=0
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=0,defer_batch=no
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
# Seconds for which squeue still shows a job that ended.
MinJobAge=600
GresTypes=gpu
Prolog={{folder}}/prolog
Epilog={{folder}}/epilog
# Four cores and 100 GB, whatever the machine has: nothing here checks what a job takes.
SlurmdParameters=config_overrides
NodeName={{host}} NodeAddr=127.0.0.1 CPUs=4 CoresPerSocket=4 RealMemory=100000 Gres=gpu:h200:2 State=UNKNOWN
PartitionName=h200 Nodes={{host}} MaxTime=INFINITE State=UP
PartitionName=cpu Nodes={{host}} Default=YES MaxTime=INFINITE State=UP
"""
GRES_CONF = f"""{FIRST_LINE}
AutoDetect=off
NodeName={{host}} Name=gpu Type=h200 File=/dev/null
NodeName={{host}} Name=gpu Type=h200 File=/dev/zero
"""
# What a job held, and when: SLURM runs it on the node before a job's first process and after its last.
HOOK = """#!/bin/sh
echo "{event} $(date +%s.%N) $SLURM_JOB_ID ${{SLURM_JOB_GPUS:-none}}" >> {folder}/held
"""


class UnavailableError(Exception):
    """SLURM cannot run here; the message says why."""


class Cluster:
    """The daemons, as children of this process, and what they wrote to a folder of their own."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}

    def configure(self) -> None:
        """Write the configuration.

        Raises:
            UnavailableError: another SLURM is configured here.

        """
        configured = ETC / "slurm.conf"
        if configured.exists() and not configured.read_text().startswith(FIRST_LINE):
            raise UnavailableError(f"{configured} is another SLURM's")
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        ETC.mkdir(exist_ok=True)
        words = {"folder": self.folder, "host": socket.gethostname().split(".")[0]}
        configured.write_text(SLURM_CONF.format(**words))
        (ETC / "gres.conf").write_text(GRES_CONF.format(**words))
        for event in ("prolog", "epilog"):
            (self.folder / event).write_text(HOOK.format(event=event, **words))
            (self.folder / event).chmod(0o755)
        key = self.folder / "munge.key"
        key.touch(0o600)
        key.write_bytes(os.urandom(1024))

    def start(self) -> None:
        """Start the daemons and wait for the node."""
        self.start_daemon("munged", "--foreground", "--force", *self._munge_files())
        self._await(lambda: (self.folder / "munge.sock").exists(), "munged has no socket")
        self.start_daemon("slurmctld", "-D", "-c")
        self.start_daemon("slurmd", "-D")
        self._await(lambda: self.node_state() == "idle", "the node is not idle")

    def _munge_files(self) -> list[str]:
        files = {"key-file": "key", "socket": "sock", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        return [f"--{option}={self.folder}/munge.{suffix}" for option, suffix in files.items()]

    def start_daemon(self, name: str, *arguments: str) -> None:
        """Start a daemon in the foreground, as a child that ends with this process; its output goes to a file."""
        command = ["setpriv", "--pdeathsig", "TERM", f"/usr/sbin/{name}", *arguments]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.daemons[name] = subprocess.Popen(command, stdout=log, stderr=log)

    def kill_daemon(self, name: str) -> None:
        """Kill a daemon as a crash would."""
        self.daemons[name].kill()
        self.daemons[name].wait()

    def stop(self) -> None:
        """Stop the daemons and remove the configuration."""
        self.cancel()
        for daemon in reversed(self.daemons.values()):
            daemon.terminate()
        for daemon in self.daemons.values():
            daemon.wait(PATIENCE)
        for name in ("slurm.conf", "gres.conf"):
            (ETC / name).unlink(missing_ok=True)

    def cancel(self) -> None:
        """Cancel all jobs, and wait until they are gone."""
        self.say("scancel", "--full", "--user", "root")
        wait_for(lambda: not self.say("squeue", "-h", "-o", "%i").split())

    def node_state(self) -> str:
        """Return the state of the node; a star says that it does not answer."""
        return self.say("sinfo", "-h", "-o", "%T").strip()

    def say(self, *command: str) -> str:
        """Return what a command of SLURM's says; nothing where it fails."""
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        return done.stdout if done.returncode == 0 else ""

    def _await(self, condition: Callable[[], bool], otherwise: str) -> None:
        def logs() -> str:
            return "\n".join((self.folder / f"{name}.log").read_text()[-2000:] for name in self.daemons)

        wait_for(condition, lambda: f"{otherwise}:\n{logs()}")


def install() -> None:
    """Install SLURM and munge where they are missing.

    Raises:
        UnavailableError: they are missing and cannot be installed.

    """
    if os.geteuid():
        raise UnavailableError("SLURM's daemons need root")
    if shutil.which("slurmctld") and shutil.which("munged"):
        return
    if not shutil.which("apt-get"):
        raise UnavailableError(f"{' and '.join(PACKAGES)} are not installed and there is no apt-get")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *PACKAGES]):
        done = subprocess.run(["apt-get", *command], env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UnavailableError(f"apt-get {command[0]} failed: {done.stderr.strip().splitlines()[-1:]}")

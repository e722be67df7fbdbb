"""A verb in a warm worker behaves as in a process of its own; it dies with what it belongs to and with nothing else."""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.waiting import PATIENCE, wait_for
from tests.workflow.test_failure import FOLD, RUN, SWEEP, TRIAL
from tests.workflow.toy import ROOT

CLIENT = "workflow_scripts/workflow/run_warm.py"
SERVE = "workflow_scripts/workflow/serve_warm.py"
# What a verb can tell of the process that it runs in; beside the server of a warm one.
TELL = """\
import json, os, resource, sys
print(json.dumps({
    "arguments": sys.argv[1:], "name": __name__, "folder": os.getcwd(), "input": sys.stdin.read(),
    "umask": os.umask(0), "niceness": os.nice(0), "files": resource.getrlimit(resource.RLIMIT_NOFILE),
    "path": sys.path, "hello": os.environ.get("HELLO"), "affinity": sorted(os.sched_getaffinity(0)),
    "open": sorted(int(name) for name in os.listdir("/proc/self/fd"))[:-1],
}))
print("to stderr", file=sys.stderr)
"""
WAIT = """\
import pathlib, os, signal, sys, time
def stop(number, frame):
    print("stopped by", number, flush=True)
    sys.exit(128 + number)
signal.signal(signal.SIGTERM, stop)
pathlib.Path(sys.argv[1]).write_text(f"{os.getpid()} {os.getppid()}")
while not pathlib.Path(sys.argv[2]).exists():
    time.sleep(0.01)
print("done")
"""


class Project:
    """A folder with the client, a server that reads no libraries, and verbs of the test's own."""

    def __init__(self, folder: Path, idle_seconds: float = 60):
        self.folder = folder
        self.owner = subprocess.Popen(["sleep", "infinity"])
        room = folder / "workflow_scripts" / "workflow"
        shutil.copytree(ROOT / "workflow_scripts" / "workflow", room)
        shutil.copy(ROOT / "workflow_scripts" / "__init__.py", room.parent)
        self.edit(SERVE, r"LIBRARIES = \(.*?\n\)", "LIBRARIES = ()")
        self.edit(SERVE, r"IDLE_SECONDS = .*", f"IDLE_SECONDS = {idle_seconds}")
        self.edit(SERVE, r'njit\("int64.*', "")
        self.verb("tell", TELL)
        self.verb("wait", WAIT)

    def edit(self, path: str, pattern: str, new: str) -> None:
        text, count = re.subn(
            pattern, new, (self.folder / path).read_text(), flags=re.DOTALL if "?" in pattern else re.MULTILINE
        )
        assert count == 1
        (self.folder / path).write_text(text)

    def verb(self, name: str, code: str) -> None:
        (self.folder / "workflow_scripts" / f"{name}.py").write_text(code)

    def environment(self) -> dict[str, str]:
        return os.environ | {"FOLDSWEEP_PARENT": str(self.owner.pid), "TMPDIR": str(self.folder)}

    def start(self, verb: str, *arguments: str, warm: bool = True, **options) -> subprocess.Popen[str]:
        begin = ["-I", "-S", CLIENT] if warm else ["-m"]
        return subprocess.Popen(
            [sys.executable, *begin, f"workflow_scripts.{verb}", *arguments],
            **({"cwd": self.folder, "env": self.environment(), "text": True} | options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, verb: str, *arguments: str, **options) -> tuple[int, str, str]:
        process = self.start(verb, *arguments, **options)
        said = process.communicate("some input", timeout=PATIENCE)
        return process.returncode, *said

    def waiting(self, name: str) -> tuple[subprocess.Popen[str], int, int]:
        """Start a verb that waits; return its client, its process and its server."""
        process = self.start("wait", name, f"{name}.go")
        wait_for(lambda: (self.folder / name).exists() and (self.folder / name).read_text())
        wait_for(lambda: catches(process.pid, signal.SIGTERM))  # before, a stop ends the client, and with it the verb
        return process, *map(int, (self.folder / name).read_text().split())

    def let_go(self, name: str) -> None:
        (self.folder / f"{name}.go").touch()

    def sockets(self) -> list[str]:
        return [path.name for path in self.folder.glob("foldsweep-*/*") if path.name != "lock"]


def catches(pid: int, number: signal.Signals) -> bool:
    caught = re.search(r"^SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"), re.MULTILINE)
    return bool(caught and int(caught[1], 16) >> (number - 1) & 1)


@pytest.fixture
def make_project():
    projects = []

    def make(**options) -> Project:
        folder = Path(tempfile.mkdtemp(prefix="warm"))  # short: the path of a socket has at most 107 characters
        projects.append(Project(folder, **options))
        return projects[-1]

    yield make
    for project in projects:
        project.owner.kill()
        project.owner.wait()
        wait_for(lambda project=project: not project.sockets())
        shutil.rmtree(project.folder)


@pytest.fixture
def project(make_project):
    return make_project()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_verb_finds_what_it_would_find_in_a_process_of_its_own(project):
    def humble():
        os.nice(3)
        os.umask(0o027)
        resource.setrlimit(resource.RLIMIT_NOFILE, (99, 200))
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    options = {"env": project.environment() | {"HELLO": "wörld"}, "preexec_fn": humble}
    own = project.run("tell", "a b", "ü", "", warm=False, **options)
    assert own[0] == 0
    assert f'"niceness": {os.nice(0) + 3}, "files": [99, 200]' in own[1]
    assert project.run("tell", "a b", "ü", "", **options) == own
    assert project.run("tell", "a b", "ü", "", **options) == own
    assert project.run("tell")[1] != own[1]
    assert len(project.sockets()) == 2  # one server for each of the two environments and limits


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("raise SystemExit(3)", 3),
        ("1 / 0", 1),
        ("import os; os._exit(7)", 7),
        ("import sys; sys.exit('no input')", 1),
        ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL),
        ("import os; os.abort()", -signal.SIGABRT),
        ("import ctypes; ctypes.string_at(0)", -signal.SIGSEGV),
        ("raise KeyboardInterrupt", -signal.SIGINT),
        ("import atexit; atexit.register(print, 'at the end')", 0),
    ],
)
def test_the_end_of_a_verb_is_the_end_of_its_job(project, code, status):
    project.verb("end", code)
    own, warm = (project.run("end", warm=warm) for warm in (False, True))
    assert (own[0], warm[0]) == (status, status)
    assert warm[1] == own[1]
    assert warm[2].splitlines()[-1:] == own[2].splitlines()[-1:]


def test_a_run_that_crashes_takes_no_sibling_with_it(project):
    sibling, _, server = project.waiting("sibling")
    project.verb("crash", "import ctypes; ctypes.string_at(0)")
    assert project.run("crash")[0] == -signal.SIGSEGV
    killed, pid, same_server = project.waiting("killed")
    assert same_server == server
    killed.kill()  # as Snakemake, or somebody in a hurry, does to a job
    wait_for(lambda: not alive(pid))
    project.let_go("sibling")
    assert sibling.communicate(timeout=PATIENCE)[0] == "done\n"
    assert sibling.returncode == 0


def test_many_first_runs_start_one_server(project):
    processes = [project.start("tell") for _ in range(8)]
    for process in processes:
        process.communicate("", timeout=PATIENCE)
    assert [process.returncode for process in processes] == [0] * 8
    assert len(project.sockets()) == 1


def test_a_snakemake_that_is_gone_takes_its_runs_and_its_server_along(project):
    started = [project.waiting(name) for name in ("one", "two")]
    project.owner.kill()
    for process, pid, server in started:
        assert process.wait(timeout=PATIENCE) == 1
        wait_for(lambda pid=pid, server=server: not alive(pid) and not alive(server))
    assert project.sockets() == []


def test_a_stop_reaches_the_verb_which_ends_in_its_own_way(project):
    process, _, _ = project.waiting("one")
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=PATIENCE)[0] == "stopped by 15\n"
    assert process.returncode == 128 + signal.SIGTERM
    process, _, _ = project.waiting("two")
    process.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == -signal.SIGINT


def test_a_run_that_is_suspended_computes_nothing_until_it_goes_on(project):
    process, pid, _ = project.waiting("one")

    def state(pid):
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]

    process.send_signal(signal.SIGTSTP)
    wait_for(lambda: state(pid) == state(process.pid) == "T")
    process.send_signal(signal.SIGCONT)
    project.let_go("one")
    assert process.communicate(timeout=PATIENCE)[0] == "done\n"


def test_a_server_that_is_killed_ends_its_runs_as_killed_and_the_next_run_starts_another(project):
    process, pid, server = project.waiting("one")
    os.kill(server, signal.SIGKILL)
    assert process.wait(timeout=PATIENCE) == -signal.SIGKILL
    wait_for(lambda: not alive(pid))
    assert project.run("tell")[0] == 0


def test_an_edit_of_the_project_is_seen_by_the_next_run_of_the_same_server(project):
    said = []
    for number in (1, 2):
        project.verb("noun", f"NUMBER = {number}" + "\n" * number)
        project.verb("say", "import os; from workflow_scripts.noun import NUMBER; print(NUMBER, os.getppid())")
        said.append(project.run("say")[1].split())
    (first, server), (second, same_server) = said
    assert (first, second) == ("1", "2")
    assert server == same_server


def test_a_server_without_work_ends_and_the_next_run_starts_another(make_project):
    project = make_project(idle_seconds=0.2)
    _, pid, server = project.waiting("one")
    time.sleep(0.5)
    assert alive(server)  # a run is work
    project.let_go("one")
    wait_for(lambda: not alive(pid) and not alive(server))
    assert project.sockets() == []
    assert project.run("tell")[0] == 0


def test_a_folder_that_others_can_enter_is_not_used(project):
    folder = project.folder / f"foldsweep-{os.geteuid()}"
    folder.mkdir()
    folder.chmod(0o755)
    code, out, err = project.run("tell")
    assert (code, out) == project.run("tell", warm=False)[:2]
    assert err.startswith(f"no warm worker ({folder} is not a folder that this user alone can enter)")
    assert list(folder.iterdir()) == []


def test_a_python_without_handles_of_processes_starts_the_run_itself(project):
    project.edit(CLIENT, r"^import fcntl$", "import fcntl, os; del os.pidfd_open")
    code, out, err = project.run("tell")
    assert (code, out) == project.run("tell", warm=False)[:2]
    assert "no warm worker (module 'os' has no attribute 'pidfd_open'): starting a process of its own" in err


def test_without_a_server_a_run_has_a_process_of_its_own(project):
    (project.folder / SERVE).write_text("raise ImportError('no torch here')\n")
    code, out, err = project.run("tell")
    assert (code, out) == project.run("tell", warm=False)[:2]
    assert "no warm worker (its server ended before it started the verb): starting a process of its own" in err
    for path in (project.folder / f"foldsweep-{os.geteuid()}").iterdir():
        path.unlink()


def test_the_server_has_read_libraries_and_started_nothing(project):
    shutil.copy(ROOT / SERVE, project.folder / SERVE)
    project.verb(
        "look",
        "import sys; before = set(sys.modules)\n"
        "import os, torch, numba, pandas\n"
        "print(sorted(name for name in before if name.startswith('workflow_scripts')))\n"
        "server = f'/proc/{os.getppid()}'\n"
        "print({'torch', 'numba', 'elegantrl.agents'} <= before, 'libcuda.so' in open(f'{server}/maps').read())\n"
        "print(sorted({open(f'{server}/task/{task}/comm').read().strip()"
        " for task in os.listdir(f'{server}/task')} - {'python'}))\n",
    )
    code, out, err = project.run("look")
    assert (code, err) == (0, "")
    modules, read, threads = out.splitlines()
    assert modules in ("[]", "['workflow_scripts']")
    assert read == "True False"
    assert threads in ("[]", "['jemalloc_bg_thd']")  # which knows of forks, and is pyarrow's


def test_a_run_writes_the_same_bytes_from_a_warm_worker_and_in_a_process_of_its_own(finished, tmp_path):
    """The finished sweep was made by warm workers; its run is made again without."""
    names = ("policy.pt", "sharpe.json", "returns.parquet", "weights.parquet", "curves.parquet")
    files = [f"--{name.partition('.')[0]}={tmp_path / name}" for name in names]
    options = ["--seed=0", "--training.num-envs=2", "--training.device=cpu", f"--usage={tmp_path / 'usage.tsv'}"]
    subprocess.run(
        [
            *(sys.executable, "-m", "workflow_scripts.training.train_agent"),
            *(f"--config={TRIAL}/config.yaml", f"--fold={FOLD}", *options, *files),
        ],
        cwd=finished.folder,
        check=True,
    )
    for name in names:
        assert (tmp_path / name).read_bytes() == (finished.folder / RUN / name).read_bytes()
    assert "no warm worker" not in (finished.folder / RUN / "train_agent.log").read_text()
    warm = [cpu_seconds(path) for path in (finished.folder / SWEEP).glob("round_*/*/*/*/train_agent.tsv")]
    assert len(warm) == 16
    assert 0 < min(warm) < cpu_seconds(tmp_path / "usage.tsv") / 2  # which pays for torch's import


def cpu_seconds(path: Path) -> float:
    head, row = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
    return float(row[head.index("cpu_time")])

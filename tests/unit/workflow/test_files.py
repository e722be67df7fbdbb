import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from workflow_scripts.workflow.files import read_json, whole_file, write_json


def test_a_file_that_could_not_be_written_whole_is_not_there(tmp_path):
    path = tmp_path / "a.json"
    with pytest.raises(OSError, match="disk full"), whole_file(path) as beside:
        beside.write_text("half")
        raise OSError("disk full")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_with_the_file_that_it_has_no_room_for(tmp_path):
    path = tmp_path / "a.bin"
    with pytest.raises(OSError, match=r"No space left on device: '.*a\.bin'") as refusal, whole_file(path):
        Path("/dev/full").write_bytes(b"a" * 100_000)
    assert refusal.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed(tmp_path):
    """Of this machine at once, of another one after a day, and of a version that did not name the machine."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    here = socket.gethostname()
    for name in (f".a.{gone.pid}.json", f".a.{here}.{gone.pid}.json", ".a.elsewhere.1.json"):
        (tmp_path / name).write_text("half")
        os.utime(tmp_path / name, (0, 0))
    write_json(tmp_path / "a.json", {"a": 1})
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_what_another_process_writes_there_now_stays(tmp_path):
    others = {f".a.{socket.gethostname()}.{os.getppid()}.json", ".a.elsewhere.1.json", ".a.txt.json", ".a.b.json"}
    for name in others:
        (tmp_path / name).write_text("half")
    write_json(tmp_path / "a.json", {"a": 1})
    assert {path.name for path in tmp_path.iterdir()} == {"a.json", *others}


def test_a_failed_rewrite_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"a": float("nan")})
    assert read_json(path) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_equal_content_is_equal_bytes(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": 2})
    write_json(tmp_path / "b.json", {"a": 2, "b": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


ELSEWHERE = """
import sys
from pathlib import Path
from workflow_scripts.config.yaml_files import load_yaml
from workflow_scripts.sweeps.history import Score, read_score, write_score
from workflow_scripts.training.trials import Trial, read_trial
from workflow_scripts.workflow.files import read_json, write_json, write_text
folder, name = Path(sys.argv[1]), "\\u00dcbung \\u2265 \\u65e5"
write_json(folder / "a.json", {name: name})
assert read_json(folder / "a.json") == {name: name}
assert load_yaml(folder / "a.json") == {name: name}
write_text(folder / "config.yaml", Trial(name, "ppo", 0, 0, 1, {"activation": name}).to_yaml())
assert read_trial(folder / "config.yaml").configuration == {"activation": name}
write_score(Score(name, 0, 0, 1, "flat", name, None, None, {}), folder / "score.json")
assert read_score(folder / "score.json").reason == name
"""


def test_json_yaml_and_text_are_utf_8_in_a_locale_of_ascii_alone(tmp_path, request):
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-c", ELSEWHERE, tmp_path]
    done = subprocess.run(command, cwd=request.config.rootpath, capture_output=True, text=True, check=False, env=locale)
    assert done.returncode == 0, done.stderr
    assert "Übung ≥ 日" in (tmp_path / "a.json").read_text(encoding="utf-8")

"""A node that is started warm cannot be told from one that is started cold, but by the time that it takes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import pytest

from sekoia_export.simulator import start_process
from tests.playbook.conftest import MODULE_FOLDER
from tests.warm.starter import LIBRARIES, WarmNode, WarmStarter

if TYPE_CHECKING:
    from sekoia_export.simulator import StartProcess

STATE = f"""
import {", ".join(LIBRARIES)}
import atexit, gc, json, locale, logging, os, resource, signal, subprocess, sys, tempfile, threading, time, warnings
from pathlib import Path
sys.path.append({str(MODULE_FOLDER)!r})
own = sorted(name for name in sys.modules if name.split(".")[0] in ("sekoia_export", "actions", "trigger_export"))
import main
import boto3, prometheus_client, sentry_sdk
from sekoia_automation import module, storage
stat = Path("/proc/self/status").read_text().splitlines()
streams = {{name: getattr(sys, name) for name in ("stdin", "stdout", "stderr")}}
print(json.dumps({{
    "argv": sys.argv, "orig_argv": sys.orig_argv, "path": sys.path, "flags": str(sys.flags), "prefix": sys.prefix,
    "main": sorted((name, str(value)) for name, value in globals().items() if name.startswith("__")),
    "is main": sys.modules["__main__"].__dict__ is globals(), "builtins": str(type(__builtins__)),
    "modules": sorted(sys.modules), "own modules before": own,
    "environ": dict(os.environ), "of its children": subprocess.run(["env"], capture_output=True, text=True).stdout,
    "folder": os.getcwd(), "umask": os.umask(0o22), "nice": os.nice(0),
    "group": os.getpgrp() == os.getpid(), "session": os.getsid(0) == os.getpid(),
    "descriptors": sorted(path.name for path in Path("/proc/self/fd").iterdir() if path.exists()),
    "stdin": os.readlink("/proc/self/fd/0"),
    "streams": [(name, stream.encoding, stream.errors, stream.line_buffering, stream.write_through, str(stream.mode))
                for name, stream in streams.items()],
    "handlers": [str(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
    "signals": [line for line in stat if line.startswith(("SigBlk", "SigIgn", "SigCgt", "Threads"))],
    "wakeup": signal.set_wakeup_fd(-1), "timers": signal.getitimer(signal.ITIMER_REAL),
    "limits": [resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")],
    "locale": [locale.getlocale(), sys.getfilesystemencoding(), locale.getencoding()],
    "zone": [time.tzname, time.timezone, time.strftime("%Z")],
    "temporary": tempfile.gettempdir(), "home": str(Path.home()),
    "logging": [str(logging.getLogger().handlers), logging.getLogger().level, logging.root.manager.disable,
                sorted((name, logger.level, len(logger.handlers), logger.propagate)
                       for name, logger in logging.root.manager.loggerDict.items() if hasattr(logger, "level"))],
    "warnings": [str(each) for each in warnings.filters], "threads": [thread.name for thread in threading.enumerate()],
    "main thread": threading.current_thread() is threading.main_thread(),
    "native": threading.get_native_id() == os.getpid(),
    "gc": [gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()], "at exit": atexit._ncallbacks(),
    "hooks": [str(hook) for hook in (sys.excepthook, sys.unraisablehook, threading.excepthook, sys.displayhook)],
    "traces": [str(sys.gettrace()), str(sys.getprofile())],
    "recursion": [sys.getrecursionlimit(), sys.getswitchinterval()],
    "boto3": str(boto3.DEFAULT_SESSION),
    "storage": [str(function.cache_info()) for function in (storage.get_data_path, storage.get_s3_data_path)],
    "sentry": [str(module.Module._sentry_client), sentry_sdk.get_client().is_active()],
    "metrics": sorted(family.name for family in prometheus_client.REGISTRY.collect()),
}}))
"""


class Ran(NamedTuple):
    """What became of a script, and whether it was started warm."""

    warm: bool
    status: int
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def light() -> Iterator[WarmStarter]:
    """Give a starter that has imported nothing: what processes are is the same."""
    with WarmStarter(()) as starter:
        yield starter


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a node: the engine's, and `more`."""
    known = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "HOME", "LANG", "LC_"))}
    return {**known, "PYTHONUNBUFFERED": "1", **more}


def ran(start: StartProcess, script: str, folder: Path, *arguments: str, env: dict[str, str] | None = None) -> Ran:
    """Return what becomes of a script in `folder`."""
    (folder / "script.py").write_text(script)
    node = start([sys.executable, "script.py", *arguments], folder=folder, env=environment(**(env or {})))
    with node.stdout, node.stderr:
        # Nothing here prints more on standard error than a pipe holds before it has ended standard output.
        stdout, stderr = node.stdout.read(), node.stderr.read()
    return Ran(isinstance(node, WarmNode), node.wait(60), stdout, stderr)


def test_everything_that_a_node_can_see_of_its_process_is_the_same(warm: WarmStarter, tmp_path: Path) -> None:
    env = {
        "TZ": "Asia/Tokyo",
        "TMPDIR": str(tmp_path),
        "AWS_PROFILE": "mine",
        "ARGUMENTS": '{"ü": "\\n"}',
        "FILE_BACKEND": "S3",
    }
    states: list[dict[str, Any]] = []
    for start in (start_process, warm):
        warm_or_cold, status, stdout, stderr = ran(start, STATE, tmp_path, "search_events", "second", env=env)
        assert (warm_or_cold, status, stderr) == (start is warm, 0, "")
        states.append(orjson.loads(re.sub(r" at 0x[0-9a-f]+", "", stdout)))
    cold, forked = states
    assert cold["own modules before"] == []
    assert cold["zone"][0] == ["JST", "JST"]
    assert cold["temporary"] == str(tmp_path)
    assert "sekoia_export.playbook" in cold["modules"]
    for name, value in cold.items():
        assert forked[name] == value, name


def test_nodes_share_no_random_numbers(light: WarmStarter, tmp_path: Path) -> None:
    script = "import random, secrets, uuid; print(random.random(), uuid.uuid4(), secrets.token_hex())"
    first, second = ran(light, script, tmp_path), ran(light, script, tmp_path)
    assert len(first.stdout.split()) == 3
    assert set(first.stdout.split()).isdisjoint(second.stdout.split())


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("print('said')", 0),
        ("import sys; print('x' * 200_000); sys.exit(7)", 7),
        ("import sys; sys.exit('a word')", 1),
        ("def f():\n    raise ValueError('wrong')\nf()", 1),
        ("raise ExceptionGroup('several', [ValueError(1), KeyError(2)])", 1),
        ("import os; os._exit(9)", 9),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", -signal.SIGSEGV),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("import atexit; atexit.register(print, 'at exit'); print('first')", 0),
        ("import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.1), print('a thread'))).start()", 0),
        ("from subprocess import *; import sys; print(run([sys.executable, '-c', 'print(5)'], stdout=PIPE).stdout)", 0),
        ("import os; pid = os.fork(); pid and os.waitpid(pid, 0); print('forked', bool(pid))", 0),
        ("import sys; print(sys.stdin.read() == '', file=sys.stderr)", 0),
    ],
)  # fmt: skip
def test_a_script_ends_as_it_ends_cold(light: WarmStarter, tmp_path: Path, script: str, status: int) -> None:
    cold = ran(start_process, script, tmp_path)
    assert (cold.warm, cold.status) == (False, status)
    assert ran(light, script, tmp_path) == cold._replace(warm=True)


def test_a_script_that_has_changed_runs_as_it_is_now(light: WarmStarter, tmp_path: Path) -> None:
    script = "import beside; print(beside.value)"
    for value in (1, 2):
        (tmp_path / "beside.py").write_text(f"value = {value}" + " " * value)
        assert ran(light, script, tmp_path) == (True, 0, f"{value}\n", "")


HANGS = """
import signal, sys, time
if sys.argv[1:] == ["orderly"]:
    def stop(*_):
        print("stopped in order")
        sys.exit(5)
    signal.signal(signal.SIGTERM, stop)
print("hangs", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize(("stop", "arguments", "status", "said"), [
    ("terminate", ("orderly",), 5, "stopped in order\n"),
    ("terminate", (), -signal.SIGTERM, ""),
    ("kill", ("orderly",), -signal.SIGKILL, ""),
])  # fmt: skip
def test_a_signal_reaches_the_node_and_nothing_else(
    light: WarmStarter, tmp_path: Path, stop: str, arguments: tuple[str, ...], status: int, said: str
) -> None:
    (tmp_path / "script.py").write_text(HANGS)
    nodes = [light([sys.executable, "script.py", *arguments], folder=tmp_path, env=environment()) for _ in range(2)]
    assert [node.stdout.readline() for node in nodes] == ["hangs\n", "hangs\n"]
    one, other = nodes
    waiting = threading.Thread(target=one.wait, args=(30 * 86_400.0,))  # who waits hinders nobody else
    with pytest.raises(subprocess.TimeoutExpired):
        one.wait(0.01)
    waiting.start()
    assert one.poll() is None
    assert os.getpgid(one.pid) == one.pid
    getattr(one, stop)()
    assert one.wait(60) == status
    waiting.join(60)
    assert not waiting.is_alive()
    assert one.stdout.read() == said
    assert (one.poll(), other.poll()) == (status, None)
    getattr(one, stop)()  # nothing: it has ended
    other.kill()
    assert other.wait(60) == -signal.SIGKILL
    for node in nodes:
        node.stdout.close()
        node.stderr.close()


@pytest.mark.parametrize(
    "env",
    [
        {"HOME": "/nowhere"},
        {"PYTHONWARNINGS": "ignore"},
        {"LC_ALL": "C"},
        {"SSL_CERT_FILE": "x"},
        {"SENTRY_TRACE": "1"},
        {"ARGUMENTS": "x" * 120_000},
    ],
    ids=lambda env: next(iter(env)),
)
def test_what_was_read_before_the_node_was_asked_for_is_read_anew(
    warm: WarmStarter, tmp_path: Path, env: dict[str, str]
) -> None:
    """Libraries and the interpreter have read their environment: a node with another one is started cold."""
    (name, value), *_ = env.items()
    script = f"import os; print(os.environ[{name!r}] == {value!r})"
    assert ran(warm, script, tmp_path, env=env) == (False, 0, "True\n", "")


def test_another_interpreter_is_started_as_it_is_asked_for(light: WarmStarter, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("import sys; print(sys.flags.dev_mode)")
    node = light([sys.executable, "-X", "dev", "script.py"], folder=tmp_path, env={})
    with node.stdout, node.stderr:
        assert (node.stdout.read(), node.wait(60)) == ("True\n", 0)
    assert not isinstance(node, WarmNode)
    with pytest.raises(FileNotFoundError):
        light([sys.executable, "script.py"], folder=tmp_path / "nowhere", env={})


READ_COVERAGE = """
import coverage, json, sys
data = coverage.CoverageData(sys.argv[1])
data.read()
print(json.dumps(data.lines(sys.argv[2])))
"""


def test_what_a_node_runs_is_counted_in_the_coverage(light: WarmStarter, tmp_path: Path) -> None:
    (tmp_path / "coveragerc").write_text("[run]\nparallel = true\n")
    env = {"COVERAGE_PROCESS_START": str(tmp_path / "coveragerc"), "COVERAGE_FILE": str(tmp_path / "measured")}
    script = "import sys\nif len(sys.argv) > 5:\n    sys.exit(1)\nprint(1)\n"
    found: list[list[int] | None] = []
    for start in (start_process, light):
        done = ran(start, script, tmp_path, env=env)
        assert (done.warm, done.status, done.stderr) == (start is light, 0, "")
        (file,) = tmp_path.glob("measured*")
        given = [sys.executable, "-c", READ_COVERAGE, str(file), str(tmp_path / "script.py")]
        read = subprocess.run(given, capture_output=True, check=True)
        found.append(orjson.loads(read.stdout))
        file.unlink()
    assert found[0] == found[1] == [1, 2, 4]


def test_a_parent_that_has_died_is_told(tmp_path: Path) -> None:
    # Only when it is told to: the parent has answered by then.
    os.mkfifo(tmp_path / "go")
    (tmp_path / "script.py").write_text(
        "import os, signal, time; open('go').read(); os.kill(os.getppid(), signal.SIGKILL); time.sleep(600)"
    )
    with WarmStarter(()) as starter:
        node = starter([sys.executable, "script.py"], folder=tmp_path, env=environment())
        (tmp_path / "go").write_bytes(b"")
        with pytest.raises(ChildProcessError):
            node.wait(60)
        node.kill()
        with node.stdout, node.stderr:
            assert node.stdout.read() == ""
        assert isinstance(node, WarmNode)
        node.close()
        with pytest.raises((ChildProcessError, BrokenPipeError)):
            starter([sys.executable, "script.py"], folder=tmp_path, env=environment())


def test_what_would_be_inherited_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    with WarmStarter(("sekoia_export.errors",)) as starter, pytest.raises(ChildProcessError):
        starter.starts_warm([sys.executable, "main.py"], {})
    assert "this project's modules" in capfd.readouterr().err

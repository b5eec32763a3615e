"""The peak memory of a fetch, verified, of exports of any size: of the command to a folder, of the action to a bucket.

The platform and the storage are the simulator's, which serves any size and holds only a pattern of it. Exports have
all fields, so that 100 million events are 11 GB of gzip. What is measured are the processes that a user, or the engine,
starts.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _fetching import ACCESS_KEY_ID, BUCKET, SECRET_ACCESS_KEY
from _measuring import Taken, show

from sekoia_export.simulator import Engine, Settings, Simulator
from sekoia_export.simulator.events import field_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parents[1]
SECRET = "a-secret-of-the-benchmark-with-40-letters"
SINCE, UNTIL = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
EVENT_BYTES = 110  # of an event with all fields, packed
QUICK = Settings(
    search_duration_s=0.0, export_duration_s=0.0, pattern_from_events=1, monthly_quota_bytes=1 << 50, url_ttl_s=86_400
)


class Exports:
    """A simulated platform with exports, and the processes that fetch them."""

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        self._simulator = simulator
        self._folder = folder
        self._taken = folder / "taken"
        self._env = {
            "PATH": os.environ.get("PATH", ""),
            "SEKOIA_BASE_URL": simulator.base_url,
            "SEKOIA_API_KEY": simulator.api_key,
            "SEKOIA_ENCRYPTION_SECRET": SECRET,
            "SEKOIA_EXPORT_HOME": str(folder / "home"),
        }

    def make(self, size_mib: int) -> tuple[str, str, int]:
        """Return the search job, the task and the size of an export of about this size."""
        events = (size_mib << 20) // EVENT_BYTES
        self._simulator.settings = replace(self._simulator.settings, total_events=events)
        # Another query each time: the export of the same one would be taken up.
        query = f"export:{len(self._simulator.exports)}"
        job = self._command("search", "--query", query, "--since", SINCE, "--until", UNTIL).strip()
        task = self._command("trigger", job, "--fields", ",".join(field_names())).strip()
        return job, task, self._simulator.exports[task].size_bytes

    def to_a_folder(self, job: str, task: str) -> Taken:
        target = self._folder / "target"
        target.mkdir()
        begun = time.perf_counter()
        self._command("fetch", job, task, "-o", str(target / "events.jsonl.gz"), measured=True)
        taken = self._read(time.perf_counter() - begun)
        shutil.rmtree(target)
        return taken

    def to_a_bucket(self, job: str, task: str, endpoint: str) -> Taken:
        (self._folder / "tls").mkdir(exist_ok=True)
        with Engine(
            module_folder=ROOT,
            data_folder=self._folder / "unused",
            configuration={"base_url": self._simulator.base_url},
            secrets={"api_key": self._simulator.api_key, "encryption_secret": SECRET},
            env={
                "FILE_BACKEND": "S3",
                "AWS_BUCKET_NAME": BUCKET,
                "AWS_S3_ENDPOINT_URL": endpoint,
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
                "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
                "SUB_FOLDER": "data",
                "TLS_FOLDER": str(self._folder / "tls"),
            },
            python=[*self._measuring(), sys.executable, str(ROOT / "tests" / "real_storage" / "node.py")],
        ) as engine:
            begun = time.perf_counter()
            run = engine.run_node("fetch_and_decrypt", {"job_uuid": job, "task_uuid": task}, timeout_s=7_200)
            if run.branch != "fetched":
                raise SystemExit(f"fetch_and_decrypt: {run.error} {run.stderr}")
            return self._read(time.perf_counter() - begun)

    def _command(self, *arguments: str, measured: bool = False) -> str:
        command = [sys.executable, "-m", "sekoia_export.cli", *arguments]
        line = [*self._measuring(), *command] if measured else command
        done = subprocess.run(line, env=self._env, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{arguments[0]} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def _measuring(self) -> list[str]:
        return [sys.executable, "-S", "-E", str(Path(__file__).with_name("_peak.py")), str(self._taken)]

    def _read(self, wall_s: float) -> Taken:
        cpu_s, peak_mib = map(float, self._taken.read_text().split())
        return Taken(wall_s, cpu_s, peak_mib)


def memory(sizes_mib: Sequence[int], bucket_sizes_mib: Sequence[int], folder: Path, seaweedfs: Any) -> None:
    """Print the peak memory of fetching exports of these sizes to a folder, and to S3 data storage."""
    with Simulator(QUICK) as simulator:
        exports = Exports(simulator, folder)
        for size_mib in sizes_mib:
            if shutil.disk_usage(folder).free < 1.2 * (size_mib << 20):
                print(f"\nPeak memory with {size_mib} MiB: not measured, the disk has no room for it")
                continue
            job, task, size = exports.make(size_mib)
            _show(size, {"sekoia-export fetch, verified": exports.to_a_folder(job, task)})
        if bucket_sizes_mib:
            with seaweedfs(folder / "seaweedfs") as endpoint:
                for size_mib in bucket_sizes_mib:
                    job, task, size = exports.make(size_mib)
                    taken = exports.to_a_bucket(job, task, endpoint)
                    _show(size, {"fetch_and_decrypt to S3, verified": taken})


def _show(size_bytes: int, results: Mapping[str, Taken]) -> None:
    show(f"Peak memory, an export of {size_bytes / 1e6:,.0f} MB", results, size_bytes=size_bytes)

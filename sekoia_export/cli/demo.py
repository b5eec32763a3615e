"""The demo: the chain of four actions, each a process of its own, as the playbook engine runs it."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from sekoia_export.errors import ConfigurationError, UsageError
from sekoia_export.simulator import Engine, NodeRun, Settings, Simulator
from sekoia_export.simulator.node import message_of

if TYPE_CHECKING:
    from collections.abc import Mapping

EXPORT_DURATION_S = 3.0
KEY_VARIABLE, URL_VARIABLE, SECRET_VARIABLE = "SEKOIA_API_KEY", "SEKOIA_BASE_URL", "SEKOIA_ENCRYPTION_SECRET"

_GOOD_BRANCHES = {"done", "triggered", "finished", "fetched"}
_TOLD = {
    "search_events": ("job_uuid", "total"),
    "trigger_export": ("task_uuid", "encryption"),
    "wait_until_finished": ("status", "progress"),
    "fetch_and_decrypt": ("events_count", "complete", "encryption"),
}


class Demo:
    """A run of the chain: search, trigger, wait, fetch, each with the results of the one before.

    Args:
        module: the module's folder; this checkout when not given.
        folder: the data storage of the playbook.
        query: what to search for.
        earliest_time: the start of the period.
        console: where to print; stdout when not given.

    Raises:
        UsageError: there is no module at `module`.
    """

    def __init__(
        self, *, module: Path | None, folder: Path, query: str, earliest_time: str, console: Console | None = None
    ) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._folder = folder
        self._module = module or Path(__file__).resolve().parents[2]
        if not (self._module / "main.py").is_file():
            raise UsageError(
                f"There is no module in {self._module}: it has no main.py.",
                "Run the demo in a checkout, or name the module's folder with --module.",
            )
        self._chain: dict[int, tuple[str, dict[str, Any]]] = {
            1: ("search_events", {"query": query, "earliest_time": earliest_time}),
            2: ("trigger_export", {"job_uuid": "{{ node.1.job_uuid }}", "field_set": "identity"}),
            3: ("wait_until_finished", {"task_uuid": "{{ node.2.task_uuid }}"}),
            4: ("fetch_and_decrypt", {"job_uuid": "{{ node.2.job_uuid }}", "task_uuid": "{{ node.2.task_uuid }}"}),
        }

    def against_simulator(self, *, total_events: int) -> int:
        """Run the chain against a simulated platform with `total_events`; return 0 when a verified file is there."""
        settings = Settings(total_events=total_events, export_duration_s=EXPORT_DURATION_S)
        with Simulator(settings=settings) as simulator:
            self._say(f"A simulated platform with {total_events:,} events listens on {simulator.base_url}.\n")
            known = {"api_key": simulator.api_key, "encryption_secret": secrets.token_hex(32)}
            status = self._run(base_url=simulator.base_url, known_secrets=known)
        if os.environ.get(KEY_VARIABLE) and os.environ.get(URL_VARIABLE):
            self._say(
                f"\n{KEY_VARIABLE} and {URL_VARIABLE} are set. The same against that platform, where it counts as an "
                "export:\n"
                "  .venv/bin/sekoia-export demo --against platform --query 'event.category:*' --since -15m"
            )
        return status

    def against_platform(self) -> int:
        """Run the chain against the platform that the environment names; return 0 when a verified file is there.

        Raises:
            ConfigurationError: the environment names none.
        """
        for name in (KEY_VARIABLE, URL_VARIABLE):
            if not os.environ.get(name):
                raise ConfigurationError(
                    f"The environment variable {name} is not set.", f"Set {name} and run it again."
                )
        known = {"api_key": os.environ[KEY_VARIABLE]}
        if secret := os.environ.get(SECRET_VARIABLE):
            known["encryption_secret"] = secret
        return self._run(base_url=os.environ[URL_VARIABLE], known_secrets=known)

    def _run(self, *, base_url: str, known_secrets: Mapping[str, str]) -> int:
        runs: list[NodeRun] = []
        with Engine(
            module_folder=self._module,
            data_folder=self._folder,
            configuration={"base_url": base_url},
            secrets=known_secrets,
        ) as engine:
            for node, (command, arguments) in self._chain.items():
                self._say(f"node {node}  {command}", style="bold")
                run = engine.run_node(command, arguments, node=node, on_output=self._show_output)
                if run.error is not None:
                    self._say(f"  error: {run.error}\n", style="red")
                    return 1
                told = "  ".join(f"{name}={run.results[name]}" for name in _TOLD[command])
                self._say(f"  {run.branch} after {run.duration_s:.1f} s  {told}\n", style="green")
                if run.branch not in _GOOD_BRANCHES:
                    return 1
                runs.append(run)
        self._summarise(runs)
        return 0

    def _show_output(self, line: str) -> None:
        self._say(f"  {message_of(line)}", style="dim")

    def _summarise(self, runs: list[NodeRun]) -> None:
        results = runs[-1].results
        rows = {
            "file": str(self._folder / results["file_path"]),
            "events": f"{results['events_count']:,}",
            "bytes": f"{results['file_size']:,}",
            "SHA-256": results["sha256"],
            "took": ", ".join(f"{run.command} {run.duration_s:.1f} s" for run in runs),
        }
        for name, value in rows.items():
            self._say(f"{name:<8} {value}")

    def _say(self, text: str, *, style: str | None = None) -> None:
        self._console.print(text, style=style, markup=False)

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from sekoia_export.manifests import generated, registered

ROOT = Path(__file__).resolve().parent.parent
ACTIONS = sorted(ROOT.glob("action_*.json"))


def manifest(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def check(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sekoia_export.manifests", "--folder", str(folder), *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_files_are_what_the_code_says() -> None:
    version = manifest(ROOT / "manifest.json")["version"]
    for name, text in generated(ROOT, version=version).items():
        assert (ROOT / name).read_text() == text, f"{name} differs from the code: run make manifests"


@pytest.fixture
def module_folder(tmp_path: Path) -> Path:
    """A copy of what the generator reads and writes."""
    for name in ("actions", "trigger_export", "docs", "playbooks"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (*ROOT.glob("*.json"), ROOT / "main.py", ROOT / "pyproject.toml"):
        shutil.copy(path, tmp_path)
    return tmp_path


def test_drift_is_found_and_mended(module_folder: Path) -> None:
    changed, extra = module_folder / "action_search_events.json", module_folder / "action_of_nobody.json"
    changed.write_text(changed.read_text().replace("Search events", "Find events"))
    extra.write_text("{}")
    playbook = module_folder / "playbooks" / "export-case-events.json"
    playbook.write_text(playbook.read_text().replace("Get the case", "Fetch the case"))
    found = check(module_folder, "--check")
    assert found.returncode == 1
    assert "docs/playbooks.md differs from the code: run make manifests" in found.stderr
    assert "action_search_events.json differs from the code: run make manifests" in found.stderr
    assert "action_of_nobody.json belongs to no component" in found.stderr
    assert "wrote action_search_events.json" in check(module_folder).stdout
    assert not extra.exists()
    assert check(module_folder, "--check").returncode == 0


@pytest.mark.parametrize("path", ACTIONS, ids=lambda path: path.stem)
def test_an_action_s_forms_are_flat_and_complete(path: Path) -> None:
    action = manifest(path)
    text = path.read_text()
    assert "anyOf" not in text
    assert "$ref" not in text
    for part in ("arguments", "results"):
        Draft7Validator.check_schema(action[part])
        for name, schema in action[part]["properties"].items():
            assert schema["type"], name
            assert schema["description"], name
    assert action["docker_parameters"] == path.stem.removeprefix("action_")
    assert action["name"]
    assert action["slug"]
    assert action["outputs"]


def test_a_trigger_s_forms_are_flat_and_complete() -> None:
    trigger = manifest(ROOT / "trigger_scheduled_export.json")
    assert "outputs" not in trigger
    assert trigger["docker_parameters"] == "scheduled_export"
    assert trigger["arguments"]["required"] == ["query"]
    names = "query every start_at settle fields field_set max_catch_up catch_up_pause community_uuids"
    assert set(trigger["arguments"]["properties"]) == set(names.split())
    properties = trigger["arguments"]["properties"]
    assert properties["every"]["enum"] == ["hour", "day", "week"]
    assert properties["settle"]["default"] == 900
    assert {"window_id", "query", "earliest_time", "latest_time", "fields"} <= set(trigger["results"]["required"])
    for part in ("arguments", "results"):
        Draft7Validator.check_schema(trigger[part])
        assert all(schema["type"] and schema["description"] for schema in trigger[part]["properties"].values())


def test_every_registered_command_has_its_manifest_and_every_uuid_is_one_s_own() -> None:
    commands = {path.stem.split("_", 1)[1] for path in (*ACTIONS, *ROOT.glob("trigger_*.json"))}
    assert commands == set(registered(ROOT / "main.py"))
    uuids = [manifest(path)["uuid"] for path in (ROOT / "manifest.json", *ACTIONS, *ROOT.glob("trigger_*.json"))]
    assert len(uuids) == len(set(uuids))


def test_the_wheel_carries_every_manifest() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    carried = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    names = {path.name for path in (ROOT / "manifest.json", *ACTIONS, *ROOT.glob("trigger_*.json"))}
    assert carried == {name: f"sekoia_export/module/{name}" for name in names}


def test_the_module_s_manifest_names_what_the_contract_fixes() -> None:
    module = manifest(ROOT / "manifest.json")
    assert (module["name"], module["slug"]) == ("Sekoia.io Event Export", "sekoia-event-export")
    assert module["categories"] == ["Generic"]
    assert module["supports_validation"] is True
    configuration = module["configuration"]
    Draft7Validator.check_schema(configuration)
    assert configuration["secrets"] == [
        "api_key",
        "encryption_secret",
        "encryption_secret_previous",
        "s3_secret_access_key",
    ]
    assert configuration["required"] == []
    assert set(configuration["secrets"]) <= set(configuration["properties"])


@pytest.mark.parametrize(
    ("command", "arguments", "branches"),
    [
        (
            "search_events",
            "query earliest_time latest_time max_events community_uuids margin timeout",
            "done empty failed timed_out",
        ),
        (
            "trigger_export",
            "job_uuid fields field_set encryption encryption_key s3_bucket s3_prefix wait_for_slot reuse",
            "triggered busy",
        ),
        ("wait_until_finished", "task_uuid timeout", "finished failed timed_out"),
        (
            "fetch_and_decrypt",
            "job_uuid task_uuid encryption_key format file_name preview",
            "fetched incomplete expired",
        ),
        (
            "export_events",
            (
                "query earliest_time latest_time max_events community_uuids margin timeout job_uuid fields field_set "
                "encryption encryption_key s3_bucket s3_prefix wait_for_slot reuse format file_name preview"
            ),
            "fetched incomplete empty failed busy timed_out expired",
        ),
        ("list_exports", "job_uuid", "done empty"),
        ("delete_export", "file_path job_uuid task_uuid older_than", "deleted empty"),
        ("get_download_link", "job_uuid task_uuid encryption_key reveal_key", "ready expired"),
        ("get_export_status", "task_uuid job_uuid", "finished running failed expired"),
        (
            "plan_windows",
            "query earliest_time latest_time max_events community_uuids fields field_set timeout",
            "planned empty too_dense failed timed_out",
        ),
    ],
)
def test_the_contract_s_names_are_kept(command: str, arguments: str, branches: str) -> None:
    action = manifest(ROOT / f"action_{command}.json")
    assert set(action["arguments"]["properties"]) == set(arguments.split())
    assert set(action["outputs"]) == set(branches.split())


def test_the_contract_s_defaults_are_kept() -> None:
    defaults = {
        path.stem.removeprefix("action_"): {
            name: schema["default"]
            for name, schema in manifest(path)["arguments"]["properties"].items()
            if "default" in schema
        }
        for path in ACTIONS
    }
    assert defaults["search_events"] == {"latest_time": "now", "margin": 0, "timeout": 1800}
    assert defaults["trigger_export"] == {
        "fields": ["@timestamp", "message"],
        "encryption": "automatic",
        "wait_for_slot": 0,
        "reuse": True,
    }
    assert defaults["wait_until_finished"] == {"timeout": 14400}
    assert defaults["fetch_and_decrypt"] == {"format": "jsonl.gz", "preview": 10}
    assert defaults["export_events"]["timeout"] == 14400
    assert (defaults["plan_windows"]["max_events"], defaults["plan_windows"]["latest_time"]) == (50_000_000, "now")

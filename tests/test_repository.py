"""The repository's own files: what the module library, the image and a newcomer rely on."""

from __future__ import annotations

import importlib
import json
import re
import struct
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parent.parent
CHANGELOG_OPENING = """\
# Changelog

All notable changes to this project will be documented in this file.

The format is based on [Keep a Changelog](https://keepachangelog.com/en/1.0.0/),
and this project adheres to [Semantic Versioning](https://semver.org/spec/v2.0.0.html).

## Unreleased
"""
SECTIONS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt", "requirements-spark.txt")
LOCK_FILES = ("poetry.lock", *REQUIREMENTS)
LOGO_MAX_BYTES = 50 * 1024


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads(text_of("pyproject.toml"))


def released() -> list[tuple[str, str]]:
    """Return the date and version of each release the changelog tells of, newest first."""
    headings = re.findall(r"^## (.+)$", text_of("CHANGELOG.md"), re.MULTILINE)
    found = [re.fullmatch(r"(\d{4}-[01]\d-[0-3]\d) - (\d+\.\d+\.\d+)", heading) for heading in headings[1:]]
    assert all(found), f"A heading is not 'YYYY-MM-DD - X.Y.Z': {headings}"
    return [(heading[1], heading[2]) for heading in found if heading]


def pinned(name: str) -> dict[str, str]:
    """Return package -> version of a requirements file, every entry of which must be pinned with a hash."""
    entries = re.sub(r"\\\n\s*", " ", text_of(name)).splitlines()
    versions = {}
    for entry in entries:
        found = re.fullmatch(
            r"(?P<package>[a-z0-9._-]+)(\[[a-z0-9,._-]+\])?==(?P<version>\S+)( ;.+?)? --hash=sha256:.+", entry
        )
        assert found, f"{name} has an entry that is not pinned with a hash: {entry[:80]}"
        versions[found["package"]] = found["version"]
    return versions


def locked() -> dict[str, set[str]]:
    versions: dict[str, set[str]] = {}
    for package in tomllib.loads(text_of("poetry.lock"))["package"]:
        versions.setdefault(package["name"], set()).add(package["version"])
    return versions


class TestChangelog:
    def test_opens_as_the_module_library_demands(self) -> None:
        assert text_of("CHANGELOG.md").startswith(CHANGELOG_OPENING)

    def test_releases_are_dated_and_in_descending_order(self) -> None:
        releases = released()
        versions = [tuple(map(int, version.split("."))) for _, version in releases]
        assert releases
        assert versions == sorted(versions, reverse=True)
        assert [date for date, _ in releases] == sorted((date for date, _ in releases), reverse=True)

    def test_every_line_stands_in_a_known_section(self) -> None:
        for release in text_of("CHANGELOG.md").split("\n## ")[1:]:
            heading, _, body = release.partition("\n")
            before, *sections = re.split(r"^### ", body, flags=re.MULTILINE)
            assert before.strip() == "", f"'{heading}' has text outside a section"
            assert {section.partition("\n")[0] for section in sections} <= SECTIONS

    def test_the_newest_version_is_the_codes(self, project: dict[str, Any]) -> None:
        _, version = released()[0]
        assert project["project"]["version"] == version
        assert json.loads(text_of("manifest.json"))["version"] == version


def test_the_logo_is_a_small_square_png_that_can_be_transparent() -> None:
    image = (ROOT / "logo.png").read_bytes()
    signature, _, kind, width, height, _, colour_type = struct.unpack(">8s I 4s I I B B", image[:26])
    assert signature == b"\x89PNG\r\n\x1a\n"
    assert kind == b"IHDR"
    assert width == height
    assert colour_type == 6, "not RGBA"
    assert len(image) <= LOGO_MAX_BYTES


class TestDockerfile:
    @pytest.fixture
    def instructions(self) -> list[str]:
        joined = re.sub(r"\\\n\s*", "", text_of("Dockerfile"))
        return [line for line in joined.splitlines() if line and not line.startswith("#")]

    def test_starts_as_the_engine_expects(self, instructions: list[str]) -> None:
        assert instructions[0] == "FROM python:3.11-slim"
        assert instructions[-1] == 'ENTRYPOINT ["python", "./main.py"]'

    def test_runs_without_privileges(self, instructions: list[str]) -> None:
        users = [line.split()[1] for line in instructions if line.startswith("USER ")]
        # A number: an engine that refuses root cannot tell from a name.
        assert users == ["1000"]

    def test_installs_only_what_the_hashes_allow(self, instructions: list[str]) -> None:
        installs = [line for line in instructions if "pip install" in line]
        assert installs
        assert all("--require-hashes" in line and "--no-cache-dir" in line for line in installs)

    def test_what_it_copies_is_in_the_build_context(self, instructions: list[str]) -> None:
        context = {line[1:] for line in text_of(".dockerignore").splitlines() if line.startswith("!")}
        sources = {name for line in instructions if line.startswith("COPY ") for name in line.split()[1:-1]}
        json_files = {"manifest.json", "action_*.json", "trigger_*.json"}
        assert sources - {"*.json"} | json_files == context
        assert all(any(ROOT.glob(name)) for name in sources)


class TestLockFiles:
    @pytest.mark.parametrize("name", LOCK_FILES)
    def test_name_no_registry(self, name: str) -> None:
        text = text_of(name)
        hosts = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"))]
        assert not [host for host in hosts if host in text]
        assert not re.search(r"^(url = |\[package\.source\]|-i |--(extra-)?index-url)", text, re.MULTILINE)

    @pytest.mark.parametrize("name", REQUIREMENTS)
    def test_requirements_are_the_locks_versions(self, name: str) -> None:
        versions = locked()
        assert {
            package for package, version in pinned(name).items() if version not in versions.get(package, ())
        } == set()

    def test_development_requirements_contain_the_others(self) -> None:
        assert pinned("requirements.txt").items() <= pinned("requirements-dev.txt").items()

    def test_lock_is_of_this_pyproject(self, project: dict[str, Any]) -> None:
        metadata = tomllib.loads(text_of("poetry.lock"))["metadata"]
        assert re.fullmatch(r"[0-9a-f]{64}", metadata["content-hash"])
        accepted = {part.strip() for part in metadata["python-versions"].split(",")}
        assert accepted == {part.strip() for part in project["project"]["requires-python"].split(",")}

    def test_everything_asked_for_is_locked(self, project: dict[str, Any]) -> None:
        lines = [*project["project"]["dependencies"], *chain(*project["project"]["optional-dependencies"].values())]
        asked = {requirement.name: requirement.specifier for requirement in map(Requirement, lines)}
        for name, constraint in project["tool"]["poetry"]["group"]["dev"]["dependencies"].items():
            asked[name] = SpecifierSet(constraint if isinstance(constraint, str) else constraint["version"])
        versions = locked()
        assert {name for name, accepted in asked.items() if not any(accepted.filter(versions.get(name, ())))} == set()


class TestWheel:
    """What the build backend is told, read as it reads it: a test that builds one would have to fetch the backend."""

    @pytest.fixture
    def told(self, project: dict[str, Any]) -> dict[str, Any]:
        options: dict[str, Any] = project["tool"]["hatch"]["build"]
        assert options.keys() == {"targets"}
        wheel: dict[str, Any] = options["targets"]["wheel"]
        return wheel

    def test_is_the_library_and_files_that_are_there(self, told: dict[str, Any]) -> None:
        assert told.keys() == {"packages", "force-include"}
        assert told["packages"] == ["sekoia_export"]
        assert [name for name in told["force-include"] if not (ROOT / name).is_file()] == []
        inside = set(told["force-include"].values())
        assert len(inside) == len(told["force-include"])
        assert [name for name in inside if (ROOT / name).exists()] == []

    def test_leaves_out_no_data_that_the_library_reads(self, told: dict[str, Any]) -> None:
        # Beside what is told here, the backend leaves out what .gitignore names.
        ignored = [line.rstrip("/") for line in text_of(".gitignore").splitlines() if line and line[0] not in "#/"]
        data = [
            path.relative_to(ROOT)
            for package in told["packages"]
            for path in (ROOT / package).rglob("*")
            if path.is_file() and path.suffix not in {".py", ".pyc"}
        ]
        assert {path.suffix for path in data} >= {".css", ".j2", ".json"}
        assert [path for path in data if any(fnmatch(part, name) for part in path.parts for name in ignored)] == []

    def test_what_it_says_of_itself_is_there(self, project: dict[str, Any]) -> None:
        names = [project["project"]["readme"], *project["project"]["license-files"]]
        assert [name for name in names if not (ROOT / name).is_file()] == []
        for target in project["project"]["scripts"].values():
            module, _, function = target.partition(":")
            assert callable(getattr(importlib.import_module(module), function))


class TestMake:
    @pytest.fixture
    def targets(self) -> set[str]:
        return set(re.findall(r"^([a-z-]+):.*## .", text_of("Makefile"), re.MULTILINE))

    def test_has_the_commands(self, targets: set[str]) -> None:
        assert {"install", "demo", "test", "check", "manifests", "lock", "image", "bench", "clean", "help"} <= targets

    def test_lock_exports_every_extra_but_spark(self, project: dict[str, Any]) -> None:
        exported = re.findall(r"^EXTRAS := (.*)$", text_of("Makefile"), re.MULTILINE)
        assert set(exported[0].split()) == project["project"]["optional-dependencies"].keys() - {"spark"}

    def test_help_lists_every_target_with_a_sentence(self, targets: set[str]) -> None:
        shown = subprocess.run(
            ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert {line.split()[1] for line in shown.stdout.splitlines()} == targets

    @pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
    def test_commands_that_documents_name_exist(self, name: str, targets: set[str]) -> None:
        code = re.findall(r"```.*?```|`[^`\n]+`", text_of(name), re.DOTALL)
        named = {target for block in code for target in re.findall(r"(?:^|[`\s])make ([a-z][a-z-]*)", block)}
        assert named <= targets

    def test_ci_runs_the_tests_a_contributor_runs(self) -> None:
        run = ROOT / ".ci" / "run"
        assert run.stat().st_mode & 0o111, ".ci/run is not executable"
        assert "exec make test" in run.read_text(encoding="utf-8")


def test_a_start_loads_no_heavy_library() -> None:
    # The SDK brings boto3, Flask and Jinja2 itself; nothing heavy of ours comes on top of what it loads.
    code = "import sys, sekoia_automation.action; sdk = {*sys.modules}; import main; print(*sys.modules.keys() - sdk)"
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = shown.stdout.split()
    libraries = {module.partition(".")[0] for module in loaded}
    assert libraries & {"cryptography", "duckdb", "rich", "typer", "click", "platformdirs"} == set()
    assert [module for module in loaded if module.startswith(("sekoia_export.simulator", "sekoia_export.cli"))] == []

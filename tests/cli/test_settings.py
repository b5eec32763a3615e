"""Where the configuration comes from: the order of places, the official exporter's variables, no secret in argv."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sekoia_export.cli.settings.known import KNOWN
from tests.canaries import ENCRYPTION_SECRET, EXPLICIT_KEY
from tests.cli.bench import CommandLine

PROFILES = """
profile = "europe"
field_set = "identity"

[profiles.europe]
region = "MCO1"
fields = ["user.name", "source.ip"]

[profiles.usa]
base_url = "https://api.usa1.sekoia.io"
"""


def values(command_line: CommandLine, *options: str, **run: Any) -> dict[str, Any]:
    """Return what `config` says of each value, by name."""
    done = command_line.run("config", "--json", *options, **run)
    assert done.status == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["values"]
    return found


def test_without_anything_the_first_region_is_used_and_nothing_else_is_set(command_line: CommandLine) -> None:
    assert values(command_line) == {"base_url": {"value": "https://api.sekoia.io", "origin": "default"}}


def test_each_place_wins_over_the_next(command_line: CommandLine) -> None:
    def address(*options: str) -> tuple[str, str]:
        found = values(command_line, *options)["base_url"]
        return found["value"], found["origin"]

    command_line.write_config('region = "SGP1"\n[profiles.usa]\nregion = "USA1"\n')
    assert address() == ("https://api.sgp1.sekoia.io", "config.toml region")
    assert address("--profile", "usa") == ("https://api.usa1.sekoia.io", "config.toml [profiles.usa] region")
    dotenv = command_line.folder / ".env"
    dotenv.write_text("API_HOST=official.dotenv\n")
    assert address("--profile", "usa") == ("official.dotenv", ".env API_HOST")
    dotenv.write_text("API_HOST=official.dotenv\nSEKOIA_BASE_URL='https://our.dotenv'\n")
    assert address() == ("https://our.dotenv", ".env SEKOIA_BASE_URL")
    command_line.environment["API_HOST"] = "official.environment"
    assert address() == ("official.environment", "environment API_HOST")
    command_line.environment["SEKOIA_REGION"] = "fra2"
    assert address() == ("https://app.fra2.sekoia.io/api", "environment SEKOIA_REGION")
    assert address("--base-url", "https://option") == ("https://option", "option --base-url")
    assert address("--region", "UAE1") == ("https://app.uae1.sekoia.io/api", "option --region")


PLACES = ("option", "environment ours", "environment official", ".env ours", ".env official", "profile", "config.toml")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.sampled_from(PLACES), min_size=1))
def test_whatever_places_have_a_value_the_first_of_them_wins(command_line: CommandLine, places: set[str]) -> None:
    def address(place: str) -> str:
        return f"https://{place.replace(' ', '-').strip('.')}.example"

    def lines(**names: str) -> dict[str, str]:
        return {name: address(place) for name, place in names.items() if place in places}

    command_line.environment = lines(SEKOIA_BASE_URL="environment ours", API_HOST="environment official")
    dotenv = lines(SEKOIA_BASE_URL=".env ours", API_HOST=".env official")
    (command_line.folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in dotenv.items()))
    in_profile, outside = ("".join(f"{k}='{v}'\n" for k, v in lines(base_url=p).items()) for p in PLACES[-2:])
    command_line.write_config(f"profile='x'\n{outside}[profiles.x]\n{in_profile}")
    options = ["--base-url", address("option")] if "option" in places else []
    assert values(command_line, *options)["base_url"]["value"] == address(min(places, key=PLACES.index))


def test_empty_is_not_set(command_line: CommandLine) -> None:
    command_line.environment |= {"SEKOIA_BASE_URL": "", "API_HOST": "  ", "SEKOIA_API_KEY": "", "SEKOIA_PROFILE": ""}
    (command_line.folder / ".env").write_text("SEKOIA_BASE_URL=\nSEKOIA_API_KEY=\n")
    assert values(command_line)["base_url"]["origin"] == "default"
    assert "api_key" not in values(command_line)


def test_a_dollar_in_dotenv_is_a_dollar(command_line: CommandLine) -> None:
    (command_line.folder / ".env").write_text("EXPORT_FIELDS=${HOME},$x\n")
    assert values(command_line)["fields"]["value"] == "${HOME},$x"


def test_the_official_exporters_variables_are_understood_after_ours(command_line: CommandLine) -> None:
    official = {known.official: f"official-{known.name}" for known in KNOWN if known.official}
    command_line.environment |= official
    found = values(command_line)
    assert {name: value["origin"] for name, value in found.items()} == {
        known.name: f"environment {known.official}" for known in KNOWN if known.official
    }
    command_line.environment |= {known.variable: "ours" for known in KNOWN if known.name != "region"}
    found = values(command_line)
    assert {value["origin"] for value in found.values()} == {
        f"environment {known.variable}" for known in KNOWN if known.name != "region"
    }


def test_a_profile_wins_over_the_rest_of_the_file_and_one_can_be_the_default(command_line: CommandLine) -> None:
    command_line.write_config(PROFILES)
    europe = values(command_line)
    assert europe["profile"] == {"value": "europe", "origin": "config.toml"}
    assert europe["region"]["value"] == "MCO1"
    assert europe["fields"]["value"] == "user.name,source.ip"
    assert europe["field_set"]["origin"] == "config.toml field_set"
    command_line.environment["SEKOIA_PROFILE"] = "usa"
    assert values(command_line)["base_url"]["value"] == "https://api.usa1.sekoia.io"
    # The options may stand before the command as well.
    done = command_line.run("--profile", "europe", "config")
    assert "https://app.mco1.sekoia.io/api" in done.stdout


def test_what_wins_over_a_named_profile_is_said(command_line: CommandLine) -> None:
    command_line.write_config(PROFILES)
    command_line.environment["SEKOIA_REGION"] = "FRA1"
    done = command_line.run("config", "--profile", "usa")
    assert done.stderr == ""  # a region and an address are two settings, and the list shows which one is used
    command_line.environment = {"SEKOIA_BASE_URL": "https://other.example"}
    done = command_line.run("config", "--profile", "usa")
    assert done.stderr == "warning: SEKOIA_BASE_URL (environment) wins over base_url of the profile.\n"


@pytest.mark.parametrize(
    ("options", "known"),
    [
        (["--region", "FRA9"], "The regions are: FRA1, FRA2, MCO1, UAE1, USA1, SGP1."),
        (["--profile", "asia"], "are: europe, usa."),
        (["--region", "FRA1", "--base-url", "https://api.sekoia.io"], "Both --base-url and --region are given"),
        (["--quiet", "--verbose"], "given together"),
    ],
)
def test_a_choice_that_is_not_there_lists_those_that_are(
    command_line: CommandLine, options: list[str], known: str
) -> None:
    command_line.write_config(PROFILES)
    done = command_line.run("config", *options)
    assert (done.status, done.stdout) == (2, "")
    assert known in done.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('regio = "FRA1"', "the setting 'regio', which is not known. Known are: api_key, api_key_file, base_url"),
        ("[profiles.x]\nkey = 'a'", "[profiles.x] has the setting 'key'"),
        ("region = ", "is not TOML"),
        ("region = 1", "region is not text"),
        ("keyring = 'yes'", "keyring is neither true nor false"),
        ("profiles = 1", "profiles that are no tables"),
        ("profile = 1", "profile is not text"),
        ("profile = 'none'", "There is no profile 'none'"),
    ],
)
def test_a_configuration_file_that_cannot_be_used_says_what_is_wrong(
    command_line: CommandLine, text: str, told: str
) -> None:
    command_line.write_config(text)
    done = command_line.run("config")
    assert (done.status, done.stdout) == (2, "")
    assert told in done.stderr


class TestSecrets:
    """The canary check of the command line fails each of these when a secret is printed."""

    @pytest.mark.parametrize(
        ("option", "instead"),
        [
            ("--api-key", "SEKOIA_API_KEY"),
            ("--token", "--api-key-file"),
            ("--sse-c-key", "--sse-c-key-file"),
            ("--s3-sse-c-key", "--sse-c-key-file"),
            ("--encryption-key", "--sse-c-key-file"),
            ("--encryption-secret", "SEKOIA_ENCRYPTION_SECRET"),
            ("--s3-secret-access-key", "SEKOIA_S3_SECRET_ACCESS_KEY"),
        ],
    )
    @pytest.mark.parametrize("form", ["{} canary-given-in-argv", "{}=canary-given-in-argv"])
    def test_one_in_argv_is_refused_with_the_way_to_give_it(
        self, command_line: CommandLine, option: str, instead: str, form: str
    ) -> None:
        for arguments in (["config", *form.format(option).split()], [*form.format(option).split(), "config"]):
            done = command_line.run(*arguments)
            assert (done.status, done.stdout) == (2, "")
            assert "A secret was given" in done.stderr
            assert instead in done.stderr

    def test_they_come_from_the_environment_files_and_stdin_and_are_not_shown(self, command_line: CommandLine) -> None:
        file = command_line.folder / "key"
        file.write_text(" the-key-in-the-file \n")
        file.chmod(0o600)
        command_line.environment["SEKOIA_API_KEY_FILE"] = "key"
        assert values(command_line)["api_key"] == {"value": "***", "origin": "environment SEKOIA_API_KEY_FILE"}
        command_line.environment["SEKOIA_API_KEY"] = "canary-api-key-in-the-environment"
        assert values(command_line)["api_key"]["origin"] == "environment SEKOIA_API_KEY"
        assert values(command_line, "--api-key-file", "key")["api_key"]["origin"] == "option --api-key-file"
        piped = values(command_line, "--api-key-file", "-", stdin="canary-api-key-on-stdin\n")
        assert piped["api_key"]["origin"] == "option --api-key-file"
        sse = values(command_line, "--sse-c-key-file", "-", stdin=EXPLICIT_KEY)
        assert sse["sse_c_key"] == {"value": "***", "origin": "option --sse-c-key-file"}
        file.unlink()

    def test_stdin_holds_one_secret(self, command_line: CommandLine) -> None:
        both = command_line.run("config", "--api-key-file", "-", "--sse-c-key-file", "-", stdin="x")
        nothing = command_line.run("config", "--api-key-file", "-")
        assert (both.status, nothing.status) == (2, 2)
        assert "Read one of them from a file." in both.stderr
        assert "nothing came" in nothing.stderr

    def test_a_secret_in_place_of_a_files_name_is_not_repeated(self, command_line: CommandLine) -> None:
        done = command_line.run("config", "--sse-c-key-file", EXPLICIT_KEY)
        assert done.status == 2
        assert "cannot be read" in done.stderr
        missing = command_line.run("config", "--sse-c-key-file", "nowhere").stderr
        assert "The file that --sse-c-key-file names cannot be read: No such file or directory." in missing
        empty = command_line.folder / "empty"
        empty.touch(mode=0o600)
        assert "is empty" in command_line.run("config", "--sse-c-key-file", "empty").stderr

    @pytest.mark.parametrize("place", ["config.toml", ".env", "key"])
    def test_a_file_with_one_that_others_can_read_is_warned_of(self, command_line: CommandLine, place: str) -> None:
        secret = "a-secret-that-others-can-read"
        if place == "config.toml":
            path = command_line.write_config(f"api_key = '{secret}'", mode=0o644)
        elif place == ".env":
            path = command_line.folder / ".env"
            path.write_text(f"API_KEY={secret}")
            path.chmod(0o644)
        else:
            path = command_line.folder / "key"
            path.write_text(secret)
            path.chmod(0o640)
            command_line.environment["SEKOIA_API_KEY_FILE"] = str(path)
        done = command_line.run("config")
        warning = f"warning: Others on this machine can read the secret in {path}: chmod 600 {path}"
        assert done.stderr.splitlines()[0] == warning
        assert secret not in done.stdout
        path.chmod(0o600)
        assert "warning" not in command_line.run("config").stderr

    def test_the_keyring_is_asked_only_when_it_is_wanted(self, command_line: CommandLine) -> None:
        import keyring
        from keyring.backend import KeyringBackend

        class Memory(KeyringBackend):
            priority = 1

            def set_password(self, service: str, username: str, password: str) -> None: ...

            def get_password(self, service: str, username: str) -> str | None:
                asked.append((service, username))
                return "canary-in-the-keyring" if username == "usa:api_key" else None

        asked: list[tuple[str, str]] = []
        before = keyring.get_keyring()
        keyring.set_keyring(Memory())  # type: ignore[no-untyped-call]
        try:
            command_line.write_config(PROFILES)
            assert "api_key" not in values(command_line, "--profile", "usa")
            assert asked == []
            command_line.environment["SEKOIA_KEYRING"] = "1"
            found = values(command_line, "--profile", "usa")
            assert found["api_key"] == {"value": "***", "origin": "keyring"}
            assert ("sekoia-export", "usa:api_key") in asked
            command_line.environment = {}
            command_line.write_config(f"keyring = true\n{PROFILES}")
            assert values(command_line, "--profile", "usa")["api_key"]["origin"] == "keyring"
            assert "api_key" not in values(command_line)
        finally:
            keyring.set_keyring(before)

    def test_a_keyring_that_is_locked_is_said(self, command_line: CommandLine) -> None:
        import keyring
        from keyring.backend import KeyringBackend
        from keyring.errors import KeyringLocked

        class Locked(KeyringBackend):
            priority = 1

            def set_password(self, service: str, username: str, password: str) -> None: ...

            def get_password(self, service: str, username: str) -> str | None:
                raise KeyringLocked("canary-of-a-keyring")

        before = keyring.get_keyring()
        keyring.set_keyring(Locked())  # type: ignore[no-untyped-call]
        try:
            command_line.environment["SEKOIA_KEYRING"] = "yes"
            done = command_line.run("config")
            assert done.status == 2
            assert "cannot be read (KeyringLocked). Unlock it" in done.stderr
        finally:
            keyring.set_keyring(before)

    def test_a_person_is_asked_for_the_key_on_a_terminal_only(
        self, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        questions: list[str] = []

        def answer(question: str, stream: object) -> str:
            questions.append(question)
            return "canary-typed-by-a-person"

        monkeypatch.setattr("getpass.getpass", answer)
        command_line.environment["SEKOIA_BASE_URL"] = "http://127.0.0.1:1"
        command_line.run("doctor")
        assert questions == []
        command_line.run("doctor", terminal=True)
        assert questions == ["API key for http://127.0.0.1:1: "]
        found = values(command_line, "--sse-c-key-file", "-", terminal=True)
        assert found["sse_c_key"]["origin"] == "option --sse-c-key-file"
        assert questions[1:] == ["What --sse-c-key-file is to be: "]


def test_dotenv_sends_no_key_from_elsewhere_to_a_strange_address(command_line: CommandLine) -> None:
    dotenv = command_line.folder / ".env"

    def asked(address: str, *, key_here: bool = False) -> int:
        dotenv.write_text(f"API_HOST={address}\n{'API_KEY=of-this-folder' if key_here else ''}")
        dotenv.chmod(0o600)
        done = command_line.run("config")
        assert done.stderr.startswith(f".env in this folder sets base_url{', api_key' if key_here else ''}.\n")
        return done.status

    assert asked("strange.example") == 0
    command_line.environment["API_KEY"] = "canary-of-the-environment"
    assert asked("strange.example") == 2
    assert asked("sekoia.io.strange.example") == 2
    assert asked("api.sekoia.io") == asked("app.fra2.sekoia.io") == asked("127.0.0.1:8443") == 0
    assert command_line.run("config", "--base-url", "https://strange.example").status == 0
    del command_line.environment["API_KEY"]
    assert asked("strange.example", key_here=True) == 0


def test_a_secrets_file_of_the_configuration_is_looked_for_beside_it(command_line: CommandLine) -> None:
    command_line.write_config("api_key_file = 'key'")
    (command_line.home / "key").write_text("beside-the-configuration")
    (command_line.home / "key").chmod(0o600)
    assert values(command_line)["api_key"]["origin"] == "config.toml api_key_file"


def test_dotenv_that_is_no_text_is_refused(command_line: CommandLine) -> None:
    (command_line.folder / ".env").write_bytes(b"\xff\xfe\x00")
    done = command_line.run("config")
    assert done.status == 2
    assert ".env cannot be read: it is not UTF-8." in done.stderr


def test_places_are_the_users_unless_they_are_named(command_line: CommandLine, tmp_path: Path) -> None:
    from sekoia_export.cli.settings.places import Places

    named = Places.of({"SEKOIA_EXPORT_HOME": str(tmp_path)})
    assert (named.config_file, named.state) == (tmp_path / "config.toml", tmp_path / "state")
    users = Places.of({"SEKOIA_EXPORT_HOME": ""})
    assert users.config_file.name == "config.toml"
    assert "sekoia-export" in str(users.config_file)
    assert "sekoia-export" in str(users.state)
    assert ENCRYPTION_SECRET not in str(users)

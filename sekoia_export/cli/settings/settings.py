"""The settings of an invocation: each value with where it came from, and the library's configuration made of them.

The first that has a value wins: option, environment, `.env` in the current folder, profile, the rest of the
configuration file, keyring, default. In the environment and in `.env` the official exporter's variables come after our
own. Empty means not set.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from sekoia_export.api.regions import DEFAULT_BASE_URL, REGIONS, api_root
from sekoia_export.cli.settings.config_file import read_config_file
from sekoia_export.cli.settings.known import BY_NAME, FILE, KNOWN, SECRETS, Known
from sekoia_export.cli.settings.secret_sources import read_keyring, read_secret_file, warn_of_readers
from sekoia_export.cli.wording import CommandLineError, unreadable
from sekoia_export.configuration import Configuration
from sekoia_export.hosts import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sekoia_export.cli.options import Options
    from sekoia_export.cli.settings.config_file import ConfigFile
    from sekoia_export.cli.settings.places import Places
    from sekoia_export.cli.terminal import Terminal

PROFILE_VARIABLE = "SEKOIA_PROFILE"
KEYRING_VARIABLE = "SEKOIA_KEYRING"
DOTENV = ".env"
DEFAULT = "default"
OPTION = "option"


@dataclass(frozen=True, slots=True)
class Setting:
    """A value and where it came from.

    Attributes:
        value: text; a SecretStr for a secret.
        origin: for instance `option --region`, `environment API_HOST`, `config.toml [profiles.usa]`, `default`.
    """

    value: str | SecretStr
    origin: str


@dataclass(frozen=True, slots=True)
class Settings:
    """What an invocation works with.

    Attributes:
        found: every setting that has a value, by its name; `base_url` always, made of a region where one is named.
        profile: the name of the profile in use, None for none.
        profiles: the names of the profiles that there are.
        config_file: where the configuration file is, or would be.
        configuration: for the library.
    """

    found: Mapping[str, Setting]
    profile: Setting | None
    profiles: tuple[str, ...]
    config_file: Path
    configuration: Configuration = field(repr=False)

    @property
    def encryption_key(self) -> SecretStr | None:
        """The explicit key of an export (SSE-C), as it was given; None when none was."""
        return self._secret("sse_c_key")

    def key_to_export_with(self, encryption: str | None) -> SecretStr | None:
        """Return the explicit key of a new export, None when none is sent.

        Args:
            encryption: the way that was chosen on the command line, None when none was. `platform` wins over a key of
                the environment or a file, as the official exporter's `--no-sse-c` does.

        Raises:
            CommandLineError: `platform` was chosen, and a key given, on the same command line.
        """
        from sekoia_export.arguments.alternatives import EncryptionChoice

        if encryption != EncryptionChoice.PLATFORM or self.encryption_key is None:
            return self.encryption_key
        if self.found["sse_c_key"].origin.startswith(OPTION):
            raise CommandLineError(
                "The option --sse-c-key-file is given together with --encryption platform, which sends no key.",
                "Give one of them.",
            )
        return None

    @property
    def fields(self) -> list[str] | None:
        """The configured fields to export; None when none are."""
        setting = self.found.get("fields")
        return None if setting is None else [name for part in str(setting.value).split(",") if (name := part.strip())]

    @property
    def field_set(self) -> str | None:
        """The configured field set, not yet checked; None when there is none."""
        setting = self.found.get("field_set")
        return None if setting is None else str(setting.value)

    @property
    def secrets(self) -> list[SecretStr]:
        """Every secret, to be kept out of texts."""
        return [setting.value for setting in self.found.values() if isinstance(setting.value, SecretStr)]

    def _secret(self, name: str) -> SecretStr | None:
        setting = self.found.get(name)
        return setting.value if setting is not None and isinstance(setting.value, SecretStr) else None


@dataclass(frozen=True, slots=True)
class Layer:
    """One place where settings are.

    Attributes:
        name: for origins; a setting's own name there is added.
        folder: relative names of files are looked for there.
        values: texts by the names of this place.
        names: gives the names of a setting in this place, the first that has a value wins.
    """

    name: str
    folder: Path
    values: Mapping[str, str]
    names: Callable[[Known], tuple[str, ...]]


def load_settings(
    *, options: Options, environment: Mapping[str, str], folder: Path, places: Places, terminal: Terminal
) -> Settings:
    """Return the settings of an invocation.

    Args:
        options: the shared options that were given.
        environment: the environment variables.
        folder: the current folder; `.env` and the names of secrets' files are looked for there.
        places: where the configuration file is.
        terminal: for warnings, and for a secret on stdin.

    Raises:
        CommandLineError: a region, profile or file is not there (the text lists the known ones), the configuration file
            cannot be used, or `.env` would have the API key sent to a strange address.
    """
    dotenv = _read_dotenv(folder / DOTENV)
    file = read_config_file(places.config_file)
    profile = _profile(options, environment, dotenv, file)
    of_profile = file.of_profile(None if profile is None else str(profile.value))
    if file.holds_secrets:
        warn_of_readers(file.path, terminal=terminal)
    secrets = {name for known in KNOWN if known.secret for name in _variables(known) if not name.lower().endswith(FILE)}
    if secrets & dotenv.keys():
        warn_of_readers(folder / DOTENV, terminal=terminal)
    home = file.path.parent
    layers = [
        Layer(OPTION, folder, _of_options(options), lambda known: (_option(known.name),)),
        Layer("environment", folder, environment, _variables),
        Layer(DOTENV, folder, dotenv, _variables),
        Layer(f"{file.path.name} [profiles.{profile.value if profile else ''}]", home, _texts(of_profile), _own),
        Layer(file.path.name, home, _texts(file.values), _own),
    ]
    if options.profile is not None:
        _warn_of_winners(layers, terminal=terminal)
    found: dict[str, Setting] = {}
    for known in KNOWN:
        if known.name not in {"base_url", "region"}:
            setting = _find(known, layers, terminal=terminal)
            if setting is not None:
                found[known.name] = setting
    found |= _address(layers)
    if _wants_keyring(environment, dotenv, of_profile, file.values):
        for name in SECRETS:
            if name not in found and (text := read_keyring(name, profile=str(profile.value) if profile else None)):
                found[name] = Setting(SecretStr(text), "keyring")
    _beware_of_dotenv(found, terminal=terminal)
    return Settings(
        found=found,
        profile=profile,
        profiles=tuple(sorted(file.profiles)),
        config_file=file.path,
        configuration=_configuration(found),
    )


def _configuration(found: Mapping[str, Setting]) -> Configuration:
    names = Configuration.model_fields.keys() & found.keys()
    return Configuration(**{name: found[name].value for name in names})


def _read_dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        # Not interpolated: a $ in a secret is a $.
        values = dotenv_values(path, interpolate=False, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        raise CommandLineError(f"The file {path} cannot be read: {unreadable(failure)}.") from None
    return {name: value for name, value in values.items() if value}


def _profile(
    options: Options, environment: Mapping[str, str], dotenv: Mapping[str, str], file: ConfigFile
) -> Setting | None:
    for value, origin in (
        (options.profile, "option --profile"),
        (environment.get(PROFILE_VARIABLE), f"environment {PROFILE_VARIABLE}"),
        (dotenv.get(PROFILE_VARIABLE), f"{DOTENV} {PROFILE_VARIABLE}"),
        (file.profile, file.path.name),
    ):
        if value is not None and value.strip():
            return Setting(value.strip(), origin)
    return None


def _variables(known: Known) -> tuple[str, ...]:
    own = (known.variable, f"{known.variable}{FILE.upper()}") if known.secret else (known.variable,)
    return own if known.official is None else (*own, known.official)


def _own(known: Known) -> tuple[str, ...]:
    return (known.name, f"{known.name}{FILE}") if known.secret else (known.name,)


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}{'-file' if BY_NAME[name].secret else ''}"


def _of_options(options: Options) -> dict[str, str]:
    given = {
        "base_url": options.base_url,
        "region": options.region,
        "api_key": options.api_key_file,
        "sse_c_key": options.sse_c_key_file,
    }
    if options.api_key_file == options.sse_c_key_file == "-":
        raise CommandLineError(
            "Both --api-key-file and --sse-c-key-file are to be read from stdin.", "Read one of them from a file."
        )
    return {_option(name): value for name, value in given.items() if value is not None}


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: ",".join(value) if isinstance(value, list) else value
        for name, value in values.items()
        if not isinstance(value, bool)
    }


def _given(known: Known, layer: Layer) -> tuple[str, str] | None:
    """Return the name and the text that a layer has for a setting."""
    for name in layer.names(known):
        if text := layer.values.get(name, "").strip():
            return name, text
    return None


def _find(known: Known, layers: list[Layer], *, terminal: Terminal) -> Setting | None:
    for layer in layers:
        if given := _given(known, layer):
            name, text = given
            if known.secret and name.lower().replace("-", "_").endswith(FILE):
                text = read_secret_file(text, named_by=name, folder=layer.folder, terminal=terminal)
            return Setting(SecretStr(text) if known.secret else text, f"{layer.name} {name}")
    return None


def _address(layers: list[Layer]) -> dict[str, Setting]:
    """Return the base URL, and the region where one was named: the first layer that has either decides."""
    for layer in layers:
        url, region = (_given(BY_NAME[name], layer) for name in ("base_url", "region"))
        if url is not None and region is not None and url[0] == layer.names(BY_NAME["base_url"])[0]:
            raise CommandLineError(
                f"Both {url[0]} and {region[0]} are given ({layer.name}).", "Give one of them: a region or an address."
            )
        if region is not None:
            name, text = region
            if text.upper() not in REGIONS:
                raise CommandLineError(
                    f"There is no region {text[:40]!r} ({layer.name} {name}).",
                    f"The regions are: {', '.join(REGIONS)}.",
                )
            setting = Setting(text.upper(), f"{layer.name} {name}")
            return {"base_url": Setting(REGIONS[text.upper()], setting.origin), "region": setting}
        if url is not None:
            return {"base_url": Setting(url[1], f"{layer.name} {url[0]}")}
    return {"base_url": Setting(DEFAULT_BASE_URL, DEFAULT)}


def _beware_of_dotenv(found: Mapping[str, Setting], *, terminal: Terminal) -> None:
    """Say what `.env` sets, and keep it from taking a key elsewhere: who looks at evidence may stand in a folder of it.

    Raises:
        CommandLineError: the address is from `.env`, strange, and the API key is from elsewhere.
    """
    of_dotenv = {name for name, setting in found.items() if setting.origin.startswith(f"{DOTENV} ")}
    if not of_dotenv:
        return
    terminal.say(f"{DOTENV} in this folder sets {', '.join(known.name for known in KNOWN if known.name in of_dotenv)}.")
    if "base_url" in of_dotenv and "api_key" in found.keys() - of_dotenv:
        host = urlsplit(api_root(str(found["base_url"].value))).hostname or ""
        if host.endswith(".sekoia.io") or is_loopback(host):
            return
        raise CommandLineError(
            f"{DOTENV} in this folder names the address {host}; the API key is from elsewhere and is not sent there.",
            "Give the address with --base-url, or put its key into the same file.",
        )


def _warn_of_winners(layers: list[Layer], *, terminal: Terminal) -> None:
    """Say which of a profile's settings the environment wins over: who names a profile may not expect it."""
    *winners, profile, _ = layers
    for known in KNOWN:
        for layer in winners:
            wins = _given(known, layer)
            if wins is not None and layer.name != OPTION and _given(known, profile) is not None:
                terminal.warn(f"{wins[0]} ({layer.name}) wins over {known.name} of the profile.")
                break


def _wants_keyring(environment: Mapping[str, str], dotenv: Mapping[str, str], *files: Mapping[str, Any]) -> bool:
    for text in (environment.get(KEYRING_VARIABLE), dotenv.get(KEYRING_VARIABLE)):
        if text:
            return text.strip().lower() in {"1", "true", "yes", "on"}
    return any(values["keyring"] for values in files if "keyring" in values)

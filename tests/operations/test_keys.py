"""Which key an export is made with, and which may open it."""

from __future__ import annotations

import base64
import itertools
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from sekoia_export.arguments.alternatives import EncryptionChoice
from sekoia_export.configuration import Configuration
from sekoia_export.encryption import Encryption, accept_key, derive_key
from sekoia_export.errors import ConfigurationError, UsageError
from sekoia_export.operations.keys import KeyChoice, candidate_keys, choose_key
from tests.canaries import ENCRYPTION_SECRET, EXPLICIT_KEY, PREVIOUS_SECRET

JOB = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
EXPLICIT = SecretStr(EXPLICIT_KEY)
PLATFORM_KEY = SecretStr(base64.b64encode(b"canary-platform-key-of-32-bytes!").decode())
AUTOMATIC, REQUIRED, PLATFORM = EncryptionChoice.AUTOMATIC, EncryptionChoice.REQUIRED, EncryptionChoice.PLATFORM
DERIVED_KEY = derive_key(SecretStr(ENCRYPTION_SECRET), job_uuid=JOB)
PREVIOUS_KEY = derive_key(SecretStr(PREVIOUS_SECRET), job_uuid=JOB)


def configured(**secrets: str) -> Configuration:
    return Configuration.model_validate(secrets)


def chosen(choice: EncryptionChoice, *, secret: bool, explicit: SecretStr | None = None) -> KeyChoice:
    configuration = configured(encryption_secret=ENCRYPTION_SECRET) if secret else Configuration()
    return choose_key(configuration, choice=choice, explicit=explicit, job_uuid=JOB)


@pytest.mark.parametrize(("choice", "secret"), [*itertools.product(EncryptionChoice, [True, False])])
def test_an_explicit_key_wins_over_everything_and_is_never_dropped(choice: EncryptionChoice, *, secret: bool) -> None:
    assert chosen(choice, secret=secret, explicit=EXPLICIT) == KeyChoice(
        accept_key(EXPLICIT), Encryption.PROVIDED, droppable=False
    )


def test_automatic_derives_a_key_and_may_go_on_without_it() -> None:
    assert chosen(AUTOMATIC, secret=True) == KeyChoice(DERIVED_KEY, Encryption.DERIVED, droppable=True)


def test_required_derives_a_key_and_insists_on_it() -> None:
    assert chosen(REQUIRED, secret=True) == KeyChoice(DERIVED_KEY, Encryption.DERIVED, droppable=False)


@pytest.mark.parametrize(("choice", "secret"), [(AUTOMATIC, False), (PLATFORM, False), (PLATFORM, True)])
def test_without_a_key_the_platform_decides(choice: EncryptionChoice, *, secret: bool) -> None:
    assert chosen(choice, secret=secret) == KeyChoice(None, Encryption.PLATFORM, droppable=False)


def test_required_without_a_key_or_a_secret_is_refused() -> None:
    with pytest.raises(UsageError, match="neither an encryption_key nor a configured encryption_secret"):
        chosen(REQUIRED, secret=False)


@pytest.mark.parametrize("choice", EncryptionChoice)
def test_an_explicit_key_that_is_none_is_refused_whatever_else_there_is(choice: EncryptionChoice) -> None:
    with pytest.raises(UsageError, match="encryption_key") as raised:
        chosen(choice, secret=True, explicit=SecretStr("canary-not-a-key"))
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize("choice", [AUTOMATIC, REQUIRED])
def test_a_secret_that_is_too_short_is_refused(choice: EncryptionChoice) -> None:
    with pytest.raises(ConfigurationError, match="encryption_secret is too short"):
        choose_key(configured(encryption_secret="canary-short"), choice=choice, explicit=None, job_uuid=JOB)


def candidates(configuration: Configuration, **given: Any) -> list[tuple[str, Encryption]]:
    keys = candidate_keys(configuration, **{"explicit": None, "platform_key": None, "job_uuid": JOB, **given})
    return [(key.base64_key.get_secret_value(), key.origin) for key in keys]


def text_of(key: Any) -> str:
    return str(key.base64_key.get_secret_value())


def test_the_keys_that_may_open_an_export_are_tried_in_the_contract_s_order() -> None:
    configuration = configured(encryption_secret=ENCRYPTION_SECRET, encryption_secret_previous=PREVIOUS_SECRET)
    assert candidates(configuration, explicit=EXPLICIT, platform_key=PLATFORM_KEY) == [
        (EXPLICIT_KEY, Encryption.PROVIDED),
        (text_of(DERIVED_KEY), Encryption.DERIVED),
        (text_of(PREVIOUS_KEY), Encryption.DERIVED),
        (PLATFORM_KEY.get_secret_value(), Encryption.PLATFORM),
    ]


def test_what_is_not_there_is_not_tried() -> None:
    assert candidates(Configuration()) == []
    assert candidates(configured(encryption_secret_previous=PREVIOUS_SECRET)) == [
        (text_of(PREVIOUS_KEY), Encryption.DERIVED)
    ]


@pytest.mark.parametrize("listed", ["alias/canary-kms-key", "", "Y2FuYXJ5"])
def test_a_key_of_the_platform_that_is_none_does_not_keep_the_others_from_being_tried(
    listed: str, caplog: pytest.LogCaptureFixture
) -> None:
    found = candidates(configured(encryption_secret=ENCRYPTION_SECRET), platform_key=SecretStr(listed))
    assert found == [(text_of(DERIVED_KEY), Encryption.DERIVED)]
    assert "not base64 of 32 bytes" in caplog.text
    assert "canary" not in caplog.text


def test_an_explicit_key_that_is_none_is_refused_before_anything_is_tried() -> None:
    with pytest.raises(UsageError, match="encryption_key"):
        candidates(configured(encryption_secret=ENCRYPTION_SECRET), explicit=SecretStr("canary-not-a-key"))


@pytest.mark.parametrize("name", ["encryption_secret", "encryption_secret_previous"])
def test_each_secret_that_is_too_short_is_named(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} is too short"):
        candidates(configured(**{name: "canary-short"}))

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from sekoia_export.api.regions import DEFAULT_BASE_URL
from sekoia_export.configuration import SECRETS, Configuration
from sekoia_export.errors import ConfigurationError


def test_nothing_is_required_when_it_is_loaded() -> None:
    configuration = Configuration()
    assert configuration.base_url == DEFAULT_BASE_URL
    assert all(getattr(configuration, name) is None for name in Configuration.model_fields if name != "base_url")


@pytest.mark.parametrize("empty", [None, "", "   "])
def test_what_is_empty_is_not_configured(empty: Any) -> None:
    configuration = Configuration(**dict.fromkeys(Configuration.model_fields, empty))
    assert configuration == Configuration()


def test_white_space_around_a_value_is_dropped() -> None:
    configuration = Configuration.model_validate({"s3_bucket": " mine ", "api_key": "\tcanary-api-key\n"})
    assert configuration.s3_bucket == "mine"
    assert configuration.required_api_key().get_secret_value() == "canary-api-key"


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_that_arrives_late_is_a_secret(name: str) -> None:
    configuration = Configuration()
    setattr(configuration, name, "canary-late-secret")
    secret = getattr(configuration, name)
    assert isinstance(secret, SecretStr)
    assert secret.get_secret_value() == "canary-late-secret"
    setattr(configuration, name, SecretStr(" canary-later-secret "))
    assert getattr(configuration, name).get_secret_value() == "canary-later-secret"


def test_nothing_shows_a_secret() -> None:
    configuration = Configuration.model_validate(dict.fromkeys(SECRETS, "canary-secret"))
    for text in (repr(configuration), str(configuration), configuration.model_dump_json(), str([configuration])):
        assert "canary" not in text


@pytest.mark.parametrize("value", [["canary-in-a-list"], {"canary": "in-an-object"}, 7])
def test_a_secret_that_is_no_text_is_refused_and_not_shown(value: Any) -> None:
    configuration = Configuration()
    for fail in (
        lambda: Configuration.model_validate({"api_key": value}),
        lambda: setattr(configuration, "api_key", value),
    ):
        with pytest.raises(ValidationError) as raised:
            fail()
        assert "canary" not in str(raised.value)


def test_unknown_keys_are_ignored() -> None:
    assert Configuration.model_validate({"of_another_version": 1}) == Configuration()


def test_a_missing_api_key_says_so() -> None:
    with pytest.raises(ConfigurationError, match="The API key is missing"):
        Configuration().required_api_key()


@pytest.mark.parametrize("key", ["canary key", "canary\nkey", "canary\x00key", "canary-kéy", "canary\r\nX-Evil: 1"])
def test_an_api_key_that_cannot_be_a_header_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ConfigurationError, match="characters that no API key has") as raised:
        Configuration(api_key=SecretStr(key)).required_api_key()
    assert "canary" not in str(raised.value)

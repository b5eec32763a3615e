"""The adapter to the SDK, where the engine alone does not show it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sekoia_automation.module import Module

from actions.account_validator import EventExportAccountValidator
from sekoia_export.errors import ConfigurationError
from sekoia_export.operations.outcome import Outcome
from sekoia_export.playbook import EventExportModule
from sekoia_export.results.chain import SearchResults
from tests.canaries import ENCRYPTION_SECRET
from trigger_export.search_events import SearchEvents

SEARCH = {"query": "*", "earliest_time": "-1h"}


@pytest.fixture(autouse=True)
def _root_handlers() -> Iterator[None]:
    """Take off what the SDK puts on the root logger."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


class Broken(SearchEvents):
    def act(self, *_: Any) -> Outcome[SearchResults]:
        raise RuntimeError(f"https://storage/x?X-Amz-Signature=canary-signature-of-a-link {ENCRYPTION_SECRET}")


def test_an_unexpected_failure_is_told_by_its_type_and_place_only(tmp_path: Path) -> None:
    action = Broken(EventExportModule(), tmp_path)
    action.module.configuration = {"api_key": "canary-api-key"}
    assert action.run(SEARCH) is None
    assert action.error_message is not None
    assert action.error_message.startswith("An unexpected RuntimeError happened in ")
    assert "canary" not in action.error_message
    assert "storage" not in action.error_message


def test_secrets_that_come_late_are_held_as_secrets() -> None:
    module = EventExportModule()
    module.configuration = {"base_url": "https://api.sekoia.io"}
    module.set_secrets({"api_key": " canary-api-key\n", "encryption_secret": ENCRYPTION_SECRET})
    assert "canary" not in repr(module.configuration)
    assert module.configuration.required_api_key().get_secret_value() == "canary-api-key"


def test_a_secret_of_the_wrong_kind_is_named_and_not_shown() -> None:
    module = EventExportModule()
    module.configuration = {}
    with pytest.raises(ConfigurationError, match="api_key") as failure:
        module.set_secrets({"api_key": ["canary-in-a-list"]})
    assert "canary" not in str(failure.value)


def test_a_module_of_the_sdk_itself_serves_as_well(tmp_path: Path) -> None:
    kind: Any = Module  # untyped in the SDK
    module = kind()
    module.configuration = {"base_url": "http://203.0.113.9", "api_key": "x"}
    action = SearchEvents(module, tmp_path)
    assert action.run(SEARCH) is None
    assert "plain http" in str(action.error_message)


def test_a_validator_without_an_api_key_says_so(tmp_path: Path) -> None:
    validator = EventExportAccountValidator(EventExportModule(), tmp_path)
    validator.module.configuration = {}
    assert validator.validate() is False


def test_records_of_libraries_do_not_reach_the_node_s_log(tmp_path: Path) -> None:
    action = SearchEvents(EventExportModule(), tmp_path)
    logging.getLogger("urllib3.connectionpool").warning("Retrying /x?X-Amz-Signature=%s", "canary-signature")
    logging.getLogger("sekoia_export.operations.search").warning("ours", exc_info=ValueError("canary-in-a-traceback"))
    assert [record["message"].rsplit(" - ", 1)[-1] for record in action.logs] == ["ours"]

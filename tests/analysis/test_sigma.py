"""Sigma: every case finds what it should; rules that cannot be used are named, and the others run."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import pytest

from sekoia_export.analysis.database import Limits
from sekoia_export.arguments.analysis import HuntArguments
from sekoia_export.arguments.base import read_arguments
from sekoia_export.clock import SystemClock
from sekoia_export.errors import UsageError
from sekoia_export.operations.hunt import hunt_export
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.results.analysis import HuntResults
from tests.analysis.conftest import Folder, in_this_process
from tests.analysis.sigma_cases import CASES, Case

HEAD = "title: {title}\nstatus: test\nlogsource:\n    category: test\n"
RULE = (
    HEAD.format(title="Whoami") + "detection:\n    selection:\n        d|contains: whoami\n    condition: selection\n"
)
AT = "2026-01-01T00:00:0{}Z"


def hunt(folder: Folder, **arguments: Any) -> Outcome[HuntResults]:
    read = read_arguments(HuntArguments, {"file_path": "events.jsonl", **arguments})
    return hunt_export(folder.storage, SystemClock(), read, limits=Limits(), run=in_this_process)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_rule_finds_what_it_should(folder: Folder, case: Case) -> None:
    times = [AT.format(at) for at in range(len(case.events))]
    folder.jsonl("events.jsonl", [{"@timestamp": at, **event} for at, event in zip(times, case.events, strict=True)])
    outcome = hunt(folder, rules=HEAD.format(title="T") + case.detection, examples=len(case.events))
    assert outcome.results.unusable_rules == []
    [rule] = outcome.results.rules
    assert [example["@timestamp"] for example in rule.examples] == [times[at] for at in case.found]
    assert rule.matches == len(case.found)
    assert outcome.branch is (Branch.MATCHED if case.found else Branch.CLEAN)


def test_a_result_tells_what_the_rule_is_and_what_it_found(folder: Folder) -> None:
    events = [{"@timestamp": AT.format(at), "d": "x" * 400 + "whoami" * (at in {2, 5}), "e": at} for at in range(8)]
    folder.jsonl("events.jsonl", events)
    rule = RULE.replace(
        "status: test",
        "id: 0b8c4f3c-6c5c-4a43-8d0b-9a1f6f6f0f3a\nlevel: high\ntags:\n    - attack.t1033\n    - attack.discovery",
    )
    results = hunt(folder, rules=rule, examples=1).results
    [found] = results.rules
    assert (found.title, found.id, found.level) == ("Whoami", "0b8c4f3c-6c5c-4a43-8d0b-9a1f6f6f0f3a", "high")
    assert found.tags == ["attack.t1033", "attack.discovery"]
    assert (found.matches, found.first, found.last) == (2, AT.format(2), AT.format(5))
    [example] = found.examples
    assert set(example) == {"@timestamp", "d"}
    assert len(example["d"]) == 301
    assert (results.events_count, results.matched_rules, results.matches) == (8, 1, 2)


def test_a_time_that_no_calendar_has_hides_no_event(folder: Folder) -> None:
    """Python has no such time. Other tools' Parquet may have it as one, ours has none."""
    times = ["0044-03-15 (BC)", "290000-01-01T00:00:00Z", "infinity"]
    folder.jsonl("events.jsonl", [{"@timestamp": time, "d": "whoami"} for time in times])
    [rule] = hunt(folder, rules=RULE).results.rules
    assert (rule.matches, rule.first, rule.last) == (3, None, None)
    duckdb.sql(
        f"COPY (SELECT TIMESTAMP '290000-01-01' AS \"@timestamp\", 'whoami' AS d) TO '{folder.root}/other.parquet'"
    )
    [rule] = hunt(folder, rules=RULE, file_path="other.parquet").results.rules
    assert (rule.matches, rule.first) == (1, "290000-01-01 00:00:00")


def test_fields_that_no_event_has_are_named_because_the_rule_may_miss_events(folder: Folder) -> None:
    folder.jsonl("events.jsonl", [{"d": "whoami"}])
    rule = RULE.replace("d|contains: whoami", "d|contains: whoami\n        process.name: cmd.exe")
    assert hunt(folder, rules=rule).results.rules[0].missing_fields == ["process.name"]


@pytest.mark.parametrize(
    ("sigma", "platform"),
    [
        ("Image|endswith: '\\cmd.exe'", {"process.executable": "C:\\cmd.exe"}),
        ("CommandLine|contains: whoami", {"process.command_line": "whoami /all"}),
        ("CommandLine|contains: whoami", {"process.args": "whoami /all"}),
        ("DestinationIp|cidr: 10.0.0.0/8", {"destination.ip": "10.1.2.3"}),
        ("EventID: 4625", {"action.id": 4625}),
        ("EventID: 4625", {"event.code": "4625"}),
        ("User|contains: doe", {"user.name": "J.Doe"}),
        ("QueryName|endswith: .example.org", {"dns.question.name": "a.example.org"}),
        ("c-uri|contains: evil", {"url.full": "http://host/evil"}),
    ],
)
def test_sigmas_names_are_the_platforms(folder: Folder, sigma: str, platform: dict[str, Any]) -> None:
    folder.jsonl("events.jsonl", [platform, {"message": "other"}])
    results = hunt(folder, rules=RULE.replace("d|contains: whoami", sigma)).results
    assert [rule.matches for rule in results.rules] == [1]


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\ntitle: bomb\n"
UNUSABLE = {
    "look-around": RULE.replace("d|contains: whoami", "d|re: '(?<!a)b'").replace("Whoami", "look-around"),
    "no condition": HEAD.format(title="no condition") + "detection:\n    selection:\n        d: x\n",
    "unknown modifier": RULE.replace("d|contains", "d|contians").replace("Whoami", "unknown modifier"),
    "unknown item": RULE.replace("condition: selection", "condition: selektion").replace("Whoami", "unknown item"),
    "placeholder": RULE.replace("d|contains: whoami", "d|expand: '%admins%'").replace("Whoami", "placeholder"),
    "correlation": "title: correlation\ncorrelation:\n    type: event_count\n    rules: [a]\n",
    "filter": "title: filter\nfilter:\n    rules: [a]\n    selection:\n        d: x\n    condition: selection\n",
    "collection": "title: collection\naction: global\n",
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_rule_that_cannot_be_used_is_named_with_the_reason_and_the_others_run(folder: Folder, name: str) -> None:
    folder.jsonl("events.jsonl", [{"d": "whoami"}])
    outcome = hunt(folder, rules=f"{UNUSABLE[name]}\n---\n{RULE}")
    assert outcome.branch is Branch.MATCHED
    [unusable] = outcome.results.unusable_rules
    assert unusable.title == name
    assert unusable.reason
    assert "Traceback" not in unusable.reason


@pytest.mark.parametrize("text", [BOMB, "- just\n- a list", "a: [", "7", "title: 7\ndetection: 8", "\0", "a: b: c"])
def test_text_that_is_no_rule_is_named_and_the_others_run(folder: Folder, text: str) -> None:
    folder.jsonl("events.jsonl", [{"d": "whoami"}])
    folder.raw("rules/a.yml", text.encode())
    folder.raw("rules/b.yaml", RULE.encode())
    folder.raw("rules/readme.txt", b"not read")
    results = hunt(folder, rules_path="rules").results
    assert [rule.title for rule in results.rules] == ["Whoami"]
    assert [rule.reason != "" for rule in results.unusable_rules] == [True]


def test_rules_come_from_a_file_a_folder_and_the_argument_at_once(folder: Folder) -> None:
    folder.jsonl("events.jsonl", [{"d": "whoami"}])
    folder.raw("rules/deep/a.yml", RULE.encode())
    assert hunt(folder, rules_path="rules/deep/a.yml").results.rules_count == 1
    assert hunt(folder, rules_path="rules/", rules=RULE).results.rules_count == 2


@pytest.mark.parametrize(
    "path", ["../rules.yml", "/etc/rules.yml", "rules/../../x.yml", ".sekoia-export/x.yml", "nowhere"]
)
def test_rules_path_stays_in_the_data_storage(folder: Folder, path: str) -> None:
    folder.jsonl("events.jsonl", [{"d": "whoami"}])
    with pytest.raises(UsageError, match="rules_path"):
        hunt(folder, rules_path=path)


@pytest.mark.parametrize("rules", ["   ", "title: x\n"])
def test_without_a_usable_rule_nothing_is_clean(folder: Folder, rules: str) -> None:
    folder.jsonl("events.jsonl", [{"d": "whoami"}])
    with pytest.raises(UsageError, match="rules"):
        hunt(folder, rules=rules)


def test_a_rule_cannot_reach_beyond_the_events(folder: Folder) -> None:
    folder.jsonl("events.jsonl", [{"d": "x"}])
    hostile = ["') OR 1=1 --", "x' UNION SELECT 1 --", "\\' OR true OR '", "{field}", "%s", "\x1f"]
    items = [
        item
        for value in map(json.dumps, hostile)
        for item in (f"d: {value}", f"d|contains: {value}", f"d|re: {value}", f"{value}: x")
    ]
    rules = "\n---\n".join(RULE.replace("d|contains: whoami", item) for item in items)
    results = hunt(folder, rules=rules).results
    assert results.rules_count + len(results.unusable_rules) == len(items)
    assert {rule.matches for rule in results.rules} == {0}


def test_many_rules_find_the_same_in_one_pass_as_alone(folder: Folder) -> None:
    folder.jsonl("events.jsonl", [{"d": f"value {at}", "n": at} for at in range(300)])
    items = [f"d|endswith: ' {at}'\n        n|gte: {at % 7}" for at in range(250)]
    rules = [RULE.replace("Whoami", f"rule {at}").replace("d|contains: whoami", item) for at, item in enumerate(items)]
    results = hunt(folder, rules="\n---\n".join(rules)).results
    assert results.rules_count == 250
    assert {rule.title: rule.matches for rule in results.rules} == {
        f"rule {at}": int(at >= at % 7) for at in range(250)
    }


def test_a_hundred_rules_stay_within_the_memory_of_their_process(folder: Folder) -> None:
    folder.jsonl("events.jsonl", [{"source.ip": f"10.{at % 250}.0.1", "d": f"value {at}"} for at in range(20_000)])
    item = "source.ip|cidr: 10.{}.0.0/16\n        d|contains: '{}'\n        e|re: 'x{}.*y'"
    rules = [RULE.replace("d|contains: whoami", item.format(at, at, at)) for at in range(100)]
    read = read_arguments(HuntArguments, {"file_path": "events.jsonl", "rules": "\n---\n".join(rules)})
    assert hunt_export(folder.storage, SystemClock(), read).results.rules_count == 100

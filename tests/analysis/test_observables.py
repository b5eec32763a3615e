"""Observables: every value in one form, nothing that is none, private ones apart, whatever their number."""

from __future__ import annotations

import csv
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekoia_export.analysis.database import MEBIBYTE, Limits
from sekoia_export.analysis.observable import observable
from sekoia_export.analysis.observable_fields import FIELDS, Holds
from sekoia_export.arguments.analysis import ConvertArguments, ObservablesArguments
from sekoia_export.arguments.base import read_arguments
from sekoia_export.clock import SystemClock
from sekoia_export.errors import DamagedExport, UsageError
from sekoia_export.operations.convert import convert_export
from sekoia_export.operations.observables import extract_observables
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.results.analysis import ObservablesResults
from tests.analysis.conftest import Folder, in_this_process

AT = "2026-01-01T00:00:0{}Z"
MD5, SHA1, SHA256 = "d4" * 16, "a9" * 20, "0b" * 32


def extract(folder: Folder, *, limits: Limits | None = None, **arguments: Any) -> Outcome[ObservablesResults]:
    read = read_arguments(ObservablesArguments, {"file_path": "events.jsonl", **arguments})
    return extract_observables(folder.storage, SystemClock(), read, limits=limits or Limits(), run=in_this_process)


def found(results: ObservablesResults) -> list[tuple[str, str, int, bool]]:
    return [(one.type, one.value, one.count, one.private) for one in results.observables]


PUBLIC: dict[Holds, list[tuple[str, str, str]]] = {
    Holds.ADDRESS: [
        ("8.8.8.8", "ip", "8.8.8.8"),
        ("2A00:1450:0:0:0:0:0:200E", "ip", "2a00:1450::200e"),
        ("2a00:1450::c0a8:0101", "ip", "2a00:1450::c0a8:101"),
        ("::ffff:8.8.4.4", "ip", "8.8.4.4"),
        ("::FFFF:0808:0404", "ip", "8.8.4.4"),
    ],
    Holds.HOST: [
        ("9.9.9.9", "ip", "9.9.9.9"),
        ("WWW.Example.COM.", "domain", "www.example.com"),
        ("_dmarc.example.com", "domain", "_dmarc.example.com"),
        ("CAFÉ.example", "domain", "xn--caf-dma.example"),
        ("cafe\u0301.example", "domain", "xn--caf-dma.example"),
        ("xn--caf-dma.example", "domain", "xn--caf-dma.example"),
        ("faß.de", "domain", "xn--fa-hia.de"),
        ("例え。テスト", "domain", "xn--r8jz45g.xn--zckzah"),
        ("пример.рф", "domain", "xn--e1afmkfd.xn--p1ai"),
        ("\uff45\uff58ample\uff0ecom", "domain", "example.com"),
    ],
    Holds.URL: [
        ("HTTP://Example.COM/Path?Q=1#F", "url", "http://example.com/Path?Q=1#F"),
        ("https://example.com:8443/a:b@c", "url", "https://example.com:8443/a:b@c"),
        ("https://[2A00:1450::1]:443/", "url", "https://[2a00:1450::1]:443/"),
        ("http://8.8.8.8:80", "url", "http://8.8.8.8:80"),
        ("http://google.com@evil.example/x", "url", "http://google.com@evil.example/x"),
        ("http://Ünï.example/é", "url", "http://xn--n-nga1b.example/é"),
        ("ldap://evil.example:1389/a", "url", "ldap://evil.example:1389/a"),
    ],
    Holds.EMAIL: [
        ("J.Doe@Example.COM", "email", "j.doe@example.com"),
        ('"Doe, J." <j.doe+x@example.com>', "email", "j.doe+x@example.com"),
        ("a@café.example", "email", "a@xn--caf-dma.example"),
    ],
    Holds.MD5: [(MD5.upper(), "md5", MD5)],
    Holds.SHA1: [(SHA1, "sha1", SHA1)],
    Holds.SHA256: [(f" {SHA256} ", "sha256", SHA256)],
    Holds.HASH: [(MD5, "md5", MD5), (SHA1.upper(), "sha1", SHA1), (SHA256, "sha256", SHA256)],
    Holds.FILE_NAME: [("A b.EXE", "file_name", "A b.EXE"), ("=1+1.xls", "file_name", "=1+1.xls")],
}
PRIVATE = {
    Holds.ADDRESS: [
        "10.0.0.1", "172.31.255.255", "192.168.1.1", "127.0.0.1", "169.254.1.1", "100.64.0.1", "0.0.0.0",
        "255.255.255.255", "224.0.0.251", "240.0.0.1", "203.0.113.9", "::1", "::", "fe80::1%eth0", "fd00::1", "ff02::1",
        "2001:db8::1", "::ffff:10.0.0.1",
    ],
    Holds.HOST: ["srv.local", "printer.lan", "db.internal", "1.0.0.10.in-addr.arpa", "10.1.2.3"],
    Holds.URL: ["http://intranet/x", "https://10.0.0.1:8443/", "http://[fe80::1]/", "http://localhost:3000"],
    Holds.EMAIL: ["root@srv.local"],
}  # fmt: skip
NONE = {
    Holds.ADDRESS: ["", "-", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4:80", "10.0.0.0/8", "example.com",
                    "[::1]", ":::", "1.2.3.4\0", "null", "12345"],
    Holds.HOST: ["", "-", ".", "..", "localhost", "WORKGROUP", "a..b.com", "-a.com", "a-.com", "a b.com", "a.b_", "1.2",
                 "a.1", "x" * 64 + ".com", ("a." * 130) + "com", "evil.com/path", "user@evil.com", "<b>.com", "a\n.com",
                 "\u202eevil.com", "a.com:80", "☃.com", "\u200b.com"],
    Holds.URL: ["", "/index.html", "example.com/x", "http://", "http:///x", "http://a b/", "http://a.com/\n/",
                "javascript:alert(1)", "http://a..b/", "http://1.2.3/", "http://[::1/", "http://[1.2.3.4]/",
                "http://a.com:99999/", "http://a.com:8a/", "http://[::1]x/", "http://123/", "data:text/html,x",
                "http://a.com/" + "x" * 9_000, "http://\u202ea/", "http://a.com/\0", "http://a.com:٣/"],
    Holds.EMAIL: ["", "-", "a", "@", "a@", "@b.com", "a@b", "a b@c.com", "a@b.com, c@d.com", "a@1.2.3.4", "<>", "<a>",
                  "x" * 65 + "@a.com", "a\n@b.com"],
    Holds.MD5: ["", SHA1, SHA256, "g" * 32, MD5[:-1]],
    Holds.SHA1: [MD5, SHA256],
    Holds.SHA256: [MD5, "0x" + SHA256[2:]],
    Holds.HASH: ["", "ab", "a" * 128],
    Holds.FILE_NAME: ["", "-", " ", "a\nb", "a\x1b[31m", "x" * 1_025],
}  # fmt: skip


def test_every_way_of_writing_a_value_becomes_its_one_form() -> None:
    for holds, cases in PUBLIC.items():
        for text, kind, value in cases:
            got = observable(holds, text)
            assert got is not None, text
            assert (got.type, got.value, got.private) == (kind, value, False), text


def test_private_and_reserved_ones_are_set_apart() -> None:
    for holds, texts in PRIVATE.items():
        for text in texts:
            got = observable(holds, text)
            assert got is not None, text
            assert got.private, text


def test_malformed_values_are_no_observables() -> None:
    for holds, texts in NONE.items():
        for text in texts:
            assert observable(holds, text) is None, (holds, text)


@given(
    holds=st.sampled_from(Holds), text=st.text(max_size=60) | st.from_regex(r"[a-z]+://[^/]{1,20}/?", fullmatch=True)
)
def test_any_text_has_one_form_that_is_its_own(holds: Holds, text: str) -> None:
    got = observable(holds, text)
    if got is not None:
        assert observable(holds, got.value) == got
        assert "\n" not in got.value


def test_values_are_counted_by_events_with_their_first_and_last_time(folder: Folder) -> None:
    events: list[dict[str, Any]] = [
        {"@timestamp": AT.format(1), "source.ip": "8.8.8.8", "related.ip": ["8.8.8.8", "10.0.0.1"]},
        {"@timestamp": AT.format(3), "destination.ip": "8.8.8.8", "url.domain": "EVIL.example"},
        {"@timestamp": AT.format(2), "source.ip": "::ffff:8.8.8.8", "dns.question.name": "evil.example."},
        {"source.ip": "9.9.9.9", "message": "1.1.1.1 http://free.example/text"},
        {"@timestamp": AT.format(4), "source.ip": ["8.8.8.8", "8.8.8.8", None, 7, {"a": 1}], "process.name": "a.exe"},
    ]
    folder.jsonl("events.jsonl", events)
    outcome = extract(folder)
    assert outcome.branch is Branch.FOUND
    results = outcome.results
    assert found(results) == [
        ("ip", "8.8.8.8", 4, False),
        ("ip", "9.9.9.9", 1, False),
        ("ip", "10.0.0.1", 1, True),
        ("domain", "evil.example", 2, False),
        ("file_name", "a.exe", 1, False),
    ]
    first = results.observables[0]
    assert (first.first_seen, first.last_seen) == (AT.format(1), AT.format(4))
    assert results.observables[1].first_seen is None
    assert results.counts == {"ip": 3, "domain": 1, "file_name": 1}
    assert (results.malformed, results.truncated) == (2, False)
    assert (results.ip_addresses, results.domains, results.urls) == (["8.8.8.8", "9.9.9.9"], ["evil.example"], [])


def test_every_field_of_the_table_is_looked_into(folder: Folder) -> None:
    values = {
        Holds.ADDRESS: "8.8.8.8",
        Holds.HOST: "a.example",
        Holds.URL: "http://a.example",
        Holds.EMAIL: "a@a.example",
        Holds.MD5: MD5,
        Holds.SHA1: SHA1,
        Holds.SHA256: SHA256,
        Holds.HASH: MD5,
        Holds.FILE_NAME: "a",
    }
    folder.jsonl("events.jsonl", [{field: values[holds]} for field, holds in FIELDS.items()])
    counts = {(one.type, one.value): one.count for one in extract(folder).results.observables}
    assert sum(counts.values()) == len(FIELDS)
    assert counts["ip", "8.8.8.8"] == sum(holds is Holds.ADDRESS for holds in FIELDS.values())


@pytest.mark.parametrize("events", [[], [{"message": "8.8.8.8"}], [{"source.ip": "-"}], [{"@timestamp": AT.format(1)}]])
def test_nothing_is_a_branch(folder: Folder, events: list[dict[str, Any]]) -> None:
    folder.jsonl("events.jsonl", events)
    outcome = extract(folder, to_file="all.csv", lists_folder="lists")
    assert (outcome.branch, outcome.results.observables, outcome.results.counts) == (Branch.NONE, [], {})
    assert outcome.results.ip_addresses_path is None
    assert (folder.root / "all.csv").read_text().splitlines() == ["type,value,count,first_seen,last_seen,private"]


def test_more_than_the_limit_is_said_and_goes_into_files(folder: Folder) -> None:
    addresses = [f"8.8.{at // 256}.{at % 256}" for at in range(1_000)]
    events = [{"@timestamp": AT.format(0), "source.ip": text, "host.ip": f"10.0.0.{at % 9}"} for at, text in
              enumerate(addresses)]  # fmt: skip
    events += [{"source.ip": "8.8.3.1", "file.name": "=cmd|' /C calc'!A0", "file.hash.md5": MD5}]
    folder.jsonl("events.jsonl", events)
    results = extract(folder, limit=3, to_file="out/all.csv", lists_folder="lists/").results
    assert results.truncated
    assert results.ip_addresses == ["8.8.3.1", "8.8.0.0", "8.8.0.1"]
    assert sum(one.private for one in results.observables) == 3
    assert results.counts == {"ip": 1_009, "md5": 1, "file_name": 1}
    with (folder.root / str(results.file_path)).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 1_011
    assert rows[0] == {"type": "ip", "value": "8.8.3.1", "count": "2", "first_seen": "2026-01-01T00:00:00.000000Z",
                       "last_seen": "2026-01-01T00:00:00.000000Z", "private": "false"}  # fmt: skip
    assert rows[-1]["value"] == "'=cmd|' /C calc'!A0"
    assert results.ip_addresses_path == "lists/ip_addresses.json"
    assert sorted(json.loads((folder.root / "lists/ip_addresses.json").read_text())) == sorted(addresses)
    assert json.loads((folder.root / "lists/hashes.json").read_text()) == [MD5]
    assert (results.hashes_path, results.domains_path, results.hashes) == ("lists/hashes.json", None, [MD5])
    assert not (folder.root / "lists/domains.json").exists()


def test_files_of_every_kind_are_read_together_and_bad_lines_counted(folder: Folder) -> None:
    event = {"@timestamp": AT.format(5), "source.ip": "8.8.8.8", "related.ip": ["9.9.9.9"]}
    names = [
        folder.jsonl_gz("a.jsonl.gz", [event], [event]),
        folder.raw("b.jsonl", json.dumps(event).encode() + b"\nno event\n[1]\n"),
        folder.raw("c.json", json.dumps([event, event]).encode()),
        folder.jsonl_gz("d.jsonl.gz", [event]),
    ]
    arguments = read_arguments(ConvertArguments, {"file_path": "a.jsonl.gz", "file_name": "e.parquet"})
    convert_export(folder.storage, SystemClock(), arguments, run=in_this_process)
    folder.jsonl("g.jsonl", [{"message": "none"}])
    arguments = read_arguments(ConvertArguments, {"file_path": "g.jsonl", "file_name": "f.parquet"})
    convert_export(folder.storage, SystemClock(), arguments, run=in_this_process)
    results = extract(folder, file_path=None, file_paths=[*names, "e.parquet", "f.parquet"]).results
    assert [(one.value, one.count, one.last_seen) for one in results.observables] == [
        ("8.8.8.8", 8, AT.format(5)),
        ("9.9.9.9", 8, AT.format(5)),
    ]
    assert results.bad_lines == 2
    assert extract(folder, file_path="f.parquet").branch is Branch.NONE
    with pytest.raises(DamagedExport, match="no JSON objects"):
        extract(folder, file_path="b.jsonl", on_bad_line="error")
    folder.raw("h.jsonl.gz", (folder.root / "a.jsonl.gz").read_bytes()[:-5])
    with pytest.raises(DamagedExport):
        extract(folder, file_path="h.jsonl.gz")


@pytest.mark.parametrize("suffix", ["json", "jsonl"])
def test_all_of_them_are_json_too(folder: Folder, suffix: str) -> None:
    folder.jsonl("events.jsonl", [{"source.ip": "8.8.8.8"}])
    extract(folder, to_file=f"all.{suffix}")
    read = json.loads((folder.root / f"all.{suffix}").read_text())
    [one] = read if suffix == "json" else [read]
    assert (one["value"], one["private"], one["first_seen"]) == ("8.8.8.8", False, None)


def test_many_different_values_take_no_more_memory_than_allowed(folder: Folder) -> None:
    lines = [b'{"source.ip":"%d.%d.%d.%d","file.name":"%0900d"}\n' % (20 + (at >> 16), at >> 8 & 255, at & 255, 7, at)
             for at in range(20_000)]  # fmt: skip
    folder.raw("events.jsonl", b"".join(lines))
    results = extract(folder, limits=Limits(memory_bytes=128 * MEBIBYTE, threads=1), limit=1).results
    assert results.counts == {"ip": 20_000, "file_name": 20_000}
    assert [one.count for one in results.observables] == [1, 1]


def test_hostile_values_are_values(folder: Folder) -> None:
    hostile = [
        "'; DROP TABLE events; --",
        '["a',
        "[::1]",
        "[1,",
        "{}",
        "\\",
        "%",
        '"',
        "x" * 2_000_000,
        "[" * 5_000,
        "\x1f",
    ]
    folder.jsonl("events.jsonl", [{"url.full": text, "file.name": text, "source.ip": text} for text in hostile])
    results = extract(folder).results
    assert set(results.counts) == {"file_name"}
    assert "'; DROP TABLE events; --" in [one.value for one in results.observables]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"to_file": "a.xlsx"}, "to_file"),
        ({"to_file": "../a.csv"}, "to_file"),
        ({"lists_folder": "../x"}, "lists_folder"),
        ({"to_file": "events.jsonl"}, "to_file names a file that is read"),
        ({"limit": 0}, "limit"),
        ({"file_path": "../events.jsonl"}, "file_path"),
    ],
)
def test_what_cannot_be_written_is_refused(folder: Folder, arguments: dict[str, Any], says: str) -> None:
    folder.jsonl("events.jsonl", [{"source.ip": "8.8.8.8"}])
    with pytest.raises(UsageError, match=says):
        extract(folder, **arguments)

"""Sigma rules with known outcomes, by the Sigma specification (version 2): which of some events each rule finds.

Values are compared without case but for `cased` and `re`; `*` and `?` are wildcards unless a backslash is before them;
`null` is a field that is not there, and a `not` over a field that is not there is true.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

CMD, PS = "C:\\Windows\\System32\\cmd.exe", "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe"


@dataclass(frozen=True, slots=True)
class Case:
    """A rule's detection in YAML, events, and the numbers of the events that it finds."""

    name: str
    detection: str
    events: tuple[dict[str, Any], ...]
    found: tuple[int, ...]


def _case(name: str, detection: str, *events: tuple[dict[str, Any], bool]) -> Case:
    """Return a case; without a condition it is `selection`."""
    lines = "\n".join(f"    {line}" for line in detection.strip("\n").split("\n"))
    text = f"detection:\n{lines}\n" + ("" if "condition:" in detection else "    condition: selection\n")
    return Case(
        name, text, tuple(event for event, _ in events), tuple(at for at, (_, found) in enumerate(events) if found)
    )


def of(field: str, found: list[Any], missed: list[Any]) -> list[tuple[dict[str, Any], bool]]:
    """Return events with one field each, those that are found first."""
    return [({field: value, "other": "x"}, True) for value in found] + [
        ({field: value, "other": "x"}, False) for value in missed
    ]


A = "process.args"
CASES = [
    _case(
        "equals", "selection:\n  user.name: Alice", *of("user.name", ["Alice", "alice", "ALICE"], ["Alice2", "", "Al"])
    ),
    _case("several fields", "selection:\n  a.b: x\n  c.d: y", ({"a.b": "X", "c.d": "y"}, True), ({"a.b": "x"}, False)),
    _case("one of a list", "selection:\n  a.b:\n    - x\n    - y", *of("a.b", ["x", "Y"], ["z", "xy"])),
    _case("contains", f"selection:\n  {A}|contains: Mimi", *of(A, ["mimikatz", "a MIMI b"], ["mim i", ""])),
    _case(
        "startswith",
        f"selection:\n  {A}|startswith: 'net '",
        *of(A, ["net user", "NET view"], ["a net user", "netuser"]),
    ),
    _case(
        "endswith",
        "selection:\n  process.executable|endswith: '\\cmd.exe'",
        *of("process.executable", [CMD, CMD.upper()], ["C:\\xcmd.exe", CMD + "x", "cmd.exe"]),
    ),
    _case("contains one of", f"selection:\n  {A}|contains:\n    - foo\n    - bar", *of(A, ["a foo", "BAR"], ["baz"])),
    _case(
        "contains all", f"selection:\n  {A}|contains|all:\n    - foo\n    - bar", *of(A, ["bar foo"], ["foo", "bar"])
    ),
    _case(
        "a percent sign is no wildcard", f"selection:\n  {A}|contains: 'a%b'", *of(A, ["xa%bx", "A%B"], ["aXb", "axxb"])
    ),
    _case("an underscore is no wildcard", f"selection:\n  {A}|contains: 'a_b'", *of(A, ["xa_bx"], ["aXb"])),
    _case("a quote", f'selection:\n  {A}|contains: "o\'br"', *of(A, ["O'Brien"], ["obrien", "o''br"])),
    _case("a quote in an equal value", f'selection:\n  {A}: "o\'br"', *of(A, ["O'BR"], ["obr", "o''br"])),
    _case("a backslash", f"selection:\n  {A}|contains: 'a\\b'", *of(A, ["xa\\bx", "A\\B"], ["ab", "a\\\\b"])),
    _case("two backslashes mean one", f"selection:\n  {A}|contains: 'a\\\\b'", *of(A, ["xa\\bx"], ["ab"])),
    _case(
        "a backslash at the end",
        "selection:\n  d|startswith: 'C:\\Temp\\'",
        *of("d", ["c:\\temp\\x"], ["C:\\Temperature"]),
    ),
    _case(
        "a path that is equal", "selection:\n  d: 'C:\\Windows\\System32\\cmd.exe'", *of("d", [CMD, CMD.lower()], [PS])
    ),
    _case(
        "star",
        "selection:\n  d: 'C:\\\\*\\cmd.exe'",
        *of("d", [CMD, "c:\\x\\CMD.exe"], ["C:\\cmd.exe", "D:\\x\\cmd.exe"]),
    ),
    _case("question mark", "selection:\n  d: 'a?c'", *of("d", ["abc", "A_C"], ["ac", "abbc"])),
    _case("an escaped star", "selection:\n  d: 'a\\*c'", *of("d", ["a*c", "A*C"], ["abc", "a\\*c"])),
    _case("an escaped question mark", "selection:\n  d|contains: 'a\\?c'", *of("d", ["xa?cx"], ["abc"])),
    _case(
        "a star beside a percent sign", "selection:\n  d: '100%*x'", *of("d", ["100% x", "100%X"], ["100 x", "1000x"])
    ),
    _case(
        "a star alone is any value", "selection:\n  d: '*'", ({"d": "x"}, True), ({"d": ""}, True), ({"e": 1}, False)
    ),
    _case("a bracket is no class", "selection:\n  d|contains: '[ab]'", *of("d", ["x[ab]"], ["a", "xa"])),
    _case("cased", "selection:\n  d|cased: Foo", *of("d", ["Foo"], ["foo", "FOO"])),
    _case("cased contains", "selection:\n  d|contains|cased: Foo", *of("d", ["aFoob"], ["afoob"])),
    _case("cased startswith", "selection:\n  d|startswith|cased: Foo", *of("d", ["Foob"], ["foob", "aFoo"])),
    _case("cased with a bracket", "selection:\n  d|contains|cased: 'F[o]'", *of("d", ["aF[o]b"], ["aFob", "af[o]b"])),
    _case("re", "selection:\n  d|re: '^a.*z$'", *of("d", ["abz", "az"], ["xaz", "abzx", "ABZ"])),
    _case("re anywhere", "selection:\n  d|re: 'b+'", *of("d", ["abbc"], ["ac", "aBc"])),
    _case("re without case", "selection:\n  d|re|i: 'foo[0-9]'", *of("d", ["xFOO1", "foo2"], ["foo"])),
    _case("re with a quote", 'selection:\n  d|re: "o\'b"', *of("d", ["o'b"], ["ob"])),
    _case(
        "re with backslashes",
        "selection:\n  d|re: '\\\\[a-z]+\\.exe$'",
        *of("d", ["C:\\cmd.exe"], ["cmd.exe", "\\cmdxexe"]),
    ),
    _case("re over lines", "selection:\n  d|re|m: '^b'", *of("d", ["a\nb"], ["ab"])),
    _case(
        "cidr",
        "selection:\n  source.ip|cidr: 10.1.0.0/16",
        *of("source.ip", ["10.1.0.0", "10.1.255.255"], ["10.2.0.1", "110.1.0.0", ""]),
    ),
    _case(
        "cidr within an octet",
        "selection:\n  source.ip|cidr: 192.168.1.128/27",
        *of("source.ip", ["192.168.1.128", "192.168.1.159"], ["192.168.1.127", "192.168.1.160", "192.168.1.1"]),
    ),
    _case(
        "cidr of one address",
        "selection:\n  source.ip|cidr: 1.2.3.4/32",
        *of("source.ip", ["1.2.3.4"], ["1.2.3.40", "11.2.3.4"]),
    ),
    _case("cidr of all", "selection:\n  source.ip|cidr: 0.0.0.0/0", *of("source.ip", ["1.2.3.4"], ["host", "::1"])),
    _case(
        "cidr of version 6",
        "selection:\n  source.ip|cidr: 2001:db8::/32",
        *of("source.ip", ["2001:db8::1", "2001:DB8:0:0::1", "2001:0db8::"], ["2001:db9::1", "10.0.0.1"]),
    ),
    _case(
        "several networks",
        "selection:\n  source.ip|cidr:\n    - 10.0.0.0/8\n    - 172.16.0.0/12",
        *of("source.ip", ["10.9.9.9", "172.31.0.1"], ["172.32.0.1"]),
    ),
    _case("base64", "selection:\n  d|base64: hello", *of("d", ["aGVsbG8="], ["aGVsbG8", "hello"])),
    _case("base64 contains", "selection:\n  d|base64|contains: foobar", *of("d", ["x Zm9vYmFy y"], ["foobar"])),
    _case(
        "base64offset",
        "selection:\n  d|base64offset|contains: foobar",
        *of("d", ["Zm9vYmFy", "IGZvb2Jhcg==", "ICBmb29iYXI="], ["foobar", "Zm9vYmF"]),
    ),
    _case("wide base64", "selection:\n  d|wide|base64offset|contains: ping", *of("d", ["cABpAG4AZwA="], ["cGluZw=="])),
    _case(
        "windash",
        f"selection:\n  {A}|windash|contains: ' -enc'",
        *of(A, ["ps -enc x", "ps /ENC x", "ps \N{EN DASH}enc"], ["ps enc"]),
    ),
    _case(
        "exists",
        "selection:\n  d|exists: true",
        ({"d": "x"}, True),
        ({"d": ""}, True),
        ({"e": 1}, False),
        ({"d": None}, False),
    ),
    _case("exists not", "selection:\n  d|exists: false", ({"d": "x"}, False), ({"e": 1}, True)),
    _case(
        "null",
        "selection:\n  d: null",
        ({"d": None, "e": 1}, True),
        ({"e": 1}, True),
        ({"d": "x"}, False),
        ({"d": ""}, False),
    ),
    _case("empty text", "selection:\n  d: ''", ({"d": ""}, True), ({"d": "x"}, False), ({"e": 1}, False)),
    _case(
        "null or a value",
        "selection:\n  d:\n    - null\n    - x",
        ({"d": "X"}, True),
        ({"e": 1}, True),
        ({"d": "y"}, False),
    ),
    _case("lt", "selection:\n  n|lt: 10", *of("n", [9, -1], [10, 11])),
    _case("lte", "selection:\n  n|lte: 10", *of("n", [9, 10], [11, 100])),
    _case("gt", "selection:\n  n|gt: 9", *of("n", [10, 100], [9, 1])),
    _case("gte", "selection:\n  n|gte: 9", *of("n", [9, 10, 100], [8])),
    _case("gt of numbers that are text", "selection:\n  n|gt: 9", *of("n", ["10", "100"], ["9", "8", "x"])),
    _case("gt of a field that mixes", "selection:\n  n|gt: 9", *of("n", [10, "100"], ["9", 8, "x", True])),
    _case("gt of a fraction", "selection:\n  n|gt: 1.5", *of("n", [2, 1.6], [1, 1.5])),
    _case("a number", "selection:\n  n: 443", *of("n", [443], [44, 4430])),
    _case("a number as text", "selection:\n  n: 443", *of("n", ["443"], ["x443", "44"])),
    _case("text of a number", "selection:\n  n: '443'", *of("n", [443], [44])),
    _case("a number contains", "selection:\n  n|contains: '44'", *of("n", [443, 544], [43])),
    _case("a number among a list", "selection:\n  n:\n    - 80\n    - 443", *of("n", [80, 443], [8080])),
    _case("true", "selection:\n  d: true", *of("d", [True], [False])),
    _case("true as text", "selection:\n  d: true", *of("d", ["true"], ["false", "1x"])),
    _case("text of true", "selection:\n  d: 'true'", *of("d", [True], [False])),
    _case(
        "keywords",
        "keywords:\n  - Mimi\n  - katz!\ncondition: keywords",
        ({"a": "xMIMIx"}, True),
        ({"b.c": "a katz!"}, True),
        ({"a": "mim"}, False),
    ),
    _case("a keyword", "keywords: mimi\ncondition: keywords", ({"a": "x", "b": "MIMI"}, True), ({"a": "x"}, False)),
    _case(
        "all keywords",
        "keywords:\n  '|all':\n    - foo\n    - bar\ncondition: keywords",
        ({"a": "foo bar"}, True),
        ({"a": "foo", "b": "bar"}, True),
        ({"a": "foo"}, False),
    ),
    _case(
        "a keyword with a wildcard",
        "keywords:\n  - 'a*b'\ncondition: keywords",
        ({"x": "zaQQbz"}, True),
        ({"x": "ba"}, False),
    ),
    _case(
        "a keyword with a percent sign",
        "keywords:\n  - '5%x'\ncondition: keywords",
        ({"x": "z5%x"}, True),
        ({"x": "5yx"}, False),
    ),
    _case(
        "a keyword that is a number",
        "keywords:\n  - 4625\ncondition: keywords",
        ({"x": 4625}, True),
        ({"x": "event 4625 y"}, True),
        ({"x": 462}, False),
    ),
    _case("no keywords", "keywords:\n  - foo\ncondition: not keywords", ({"a": "foo"}, False), ({"a": "x"}, True)),
    _case(
        "and", "one:\n  a: x\ntwo:\n  b: y\ncondition: one and two", ({"a": "x", "b": "y"}, True), ({"a": "x"}, False)
    ),
    _case(
        "or",
        "one:\n  a: x\ntwo:\n  b: y\ncondition: one or two",
        ({"a": "x"}, True),
        ({"b": "y"}, True),
        ({"a": "y"}, False),
    ),
    _case("not", "one:\n  a: x\ncondition: not one", ({"a": "x"}, False), ({"a": "y"}, True), ({"b": "x"}, True)),
    _case(
        "and not",
        "one:\n  a: x\nfilter:\n  b: y\ncondition: one and not filter",
        ({"a": "x"}, True),
        ({"a": "x", "b": "y"}, False),
        ({"a": "x", "b": "z"}, True),
    ),
    _case(
        "not of several fields",
        "one:\n  a: x\nfilter:\n  b: y\n  c|endswith: z\ncondition: one and not filter",
        ({"a": "x", "b": "y"}, True),
        ({"a": "x", "b": "y", "c": "zz"}, False),
        ({"a": "x"}, True),
    ),
    _case(
        "not contains",
        "one:\n  a|contains: x\ncondition: not one",
        ({"a": "axa"}, False),
        ({"a": "b"}, True),
        ({"b": "x"}, True),
    ),
    _case(
        "not cidr",
        "one:\n  i|cidr: 10.0.0.0/8\ncondition: not one",
        ({"i": "10.1.1.1"}, False),
        ({"i": "11.1.1.1"}, True),
        ({"b": "x"}, True),
    ),
    _case(
        "not re", "one:\n  i|re: '^a'\ncondition: not one", ({"i": "ab"}, False), ({"i": "b"}, True), ({"b": "x"}, True)
    ),
    _case("not gt", "one:\n  n|gt: 5\ncondition: not one", ({"n": 6}, False), ({"n": 5}, True), ({"b": "x"}, True)),
    _case("double not", "one:\n  a: x\ncondition: not (not one)", ({"a": "x"}, True), ({"b": "x"}, False)),
    _case(
        "1 of",
        "sel_a:\n  a: x\nsel_b:\n  b: y\nother:\n  c: z\ncondition: 1 of sel_*",
        ({"a": "x"}, True),
        ({"b": "y"}, True),
        ({"c": "z"}, False),
    ),
    _case(
        "all of",
        "sel_a:\n  a: x\nsel_b:\n  b: y\ncondition: all of sel_*",
        ({"a": "x", "b": "y"}, True),
        ({"a": "x"}, False),
    ),
    _case("1 of them", "sel_a:\n  a: x\nsel_b:\n  b: y\ncondition: 1 of them", ({"a": "x"}, True), ({"c": "y"}, False)),
    _case(
        "all of them",
        "sel_a:\n  a: x\nsel_b:\n  b: y\ncondition: all of them",
        ({"a": "x", "b": "y"}, True),
        ({"b": "y"}, False),
    ),
    _case(
        "not 1 of",
        "one:\n  a: x\nfilter_a:\n  b: y\nfilter_b:\n  c: z\ncondition: one and not 1 of filter_*",
        ({"a": "x"}, True),
        ({"a": "x", "c": "z"}, False),
    ),
    _case(
        "and before or",
        "a:\n  a: x\nb:\n  b: y\nc:\n  c: z\ncondition: a or b and c",
        ({"a": "x"}, True),
        ({"b": "y"}, False),
        ({"b": "y", "c": "z"}, True),
    ),
    _case(
        "brackets",
        "a:\n  a: x\nb:\n  b: y\nc:\n  c: z\ncondition: (a or b) and c",
        ({"a": "x"}, False),
        ({"a": "x", "c": "z"}, True),
    ),
    _case(
        "a list of maps", "selection:\n  - a: x\n  - b: y", ({"a": "x"}, True), ({"b": "y"}, True), ({"a": "y"}, False)
    ),
    _case("a field of no event", "selection:\n  nowhere.at_all: x\n  a: x", ({"a": "x"}, False)),
    _case(
        "not a field of no event",
        "one:\n  a: x\nfilter:\n  nowhere.at_all: y\ncondition: one and not filter",
        ({"a": "x"}, True),
    ),
    _case(
        "fields are told apart by dots",
        "selection:\n  a.b: x",
        ({"a.b": "x"}, True),
        ({"a": {"b": "y"}, "b": "x"}, False),
    ),
    _case("a field with a space", "selection:\n  'my field': x", ({"my field": "X"}, True), ({"my": "x"}, False)),
    _case(
        "fieldref",
        "selection:\n  a|fieldref: b",
        ({"a": "x", "b": "x"}, True),
        ({"a": "x", "b": "y"}, False),
        ({"a": "x"}, False),
    ),
    _case("letters beyond ASCII", "selection:\n  d|contains: Ünï", *of("d", ["xünïx", "ÜNÏ"], ["uni"])),
    _case("a line break in the value", "selection:\n  d|contains: end", *of("d", ["a\nend b"], ["a\nen d"])),
    _case("a star over lines", "selection:\n  d: 'a*z'", *of("d", ["a\nz"], ["a\nzb"])),
]

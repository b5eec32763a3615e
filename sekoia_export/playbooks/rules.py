"""The rules that a playbook is checked by. Their names stay the same between versions."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Rule(StrEnum):
    """What a finding is about; `meaning` is what docs/playbooks.md says of it."""

    meaning: str

    def __new__(cls, name: str, meaning: str) -> Self:
        rule = str.__new__(cls, name)
        rule._value_ = name
        rule.meaning = meaning
        return rule

    TOO_LARGE = "too-large", "The file, its nodes or its expressions are more than is read"
    NOT_UTF_8 = "not-utf-8", "The file is not UTF-8"
    NOT_JSON = "not-json", "The file is not JSON"
    TOO_DEEP = "too-deep", "Objects are nested deeper than in any playbook"
    NO_PLAYBOOK = "no-playbook", "The file holds JSON, and no playbook"
    NODE_NUMBER = "node-number", "A node is not named by a number"
    DUPLICATE_NODE = "duplicate-node", "A number names two nodes"
    MISSING = "missing", "Something that every node of its kind has is missing"
    WRONG_TYPE = "wrong-type", "A value is of another type than is expected, or out of bounds, or no choice"
    UNKNOWN_CHOICE = "unknown-choice", "A type, an operator, a comparison or a change does not exist"
    NO_TRIGGER = "no-trigger", "Nothing starts a run"
    DUPLICATE_TRIGGER = "duplicate-trigger", "Two triggers are the same: each event starts two runs"
    UNKNOWN_MODULE = "unknown-module", "A module is not known here; what concerns it is not checked"
    UNKNOWN_ACTION = "unknown-action", "An action of a known module is not known"
    UNKNOWN_TRIGGER = "unknown-trigger", "A trigger of a known module is not known"
    WRONG_MODULE = "wrong-module", "An action is named under a module that is not its own"
    MISSING_ARGUMENT = "missing-argument", "An argument that is needed is not given"
    CLASHING_ARGUMENTS = "clashing-arguments", "Arguments are given that exclude each other"
    UNKNOWN_ARGUMENT = "unknown-argument", "An argument does not exist"
    SECRET_IN_FILE = "secret-in-file", "A key stands in the file"
    UNKNOWN_BRANCH = "unknown-branch", "A branch does not exist, so what follows it never runs"
    UNWIRED_BRANCH = "unwired-branch", "A branch leads to nothing, so a run ends there without a word"
    NO_SUCH_NODE = "no-such-node", "An edge or an expression names a node that does not exist"
    EDGE_TO_TRIGGER = "edge-to-trigger", "An edge leads to a trigger"
    CYCLE = "cycle", "A run would go round in a circle"
    UNREACHABLE = "unreachable", "No trigger leads to a node"
    LOOP_LEFT = "loop-left", "The body of a loop runs into what comes after it"
    DUPLICATE_CASE = "duplicate-case", "Two cases of a condition have one name"
    NUMBER_AS_TEXT = "number-as-text", "A number is compared that is a text"
    SYNTAX = "syntax", "An expression cannot be read"
    UNKNOWN_NAME = "unknown-name", "An expression names something that is neither node nor store"
    UNKNOWN_FILTER = "unknown-filter", "A filter is neither Jinja's own nor one that public playbooks use"
    UNKNOWN_TEST = "unknown-test", "A test is not Jinja's own"
    LOADS_TEMPLATE = "loads-template", "An expression loads another template"
    METHOD = "method", "A key is written like a method that every object has, such as .items"
    OWN_RESULT = "own-result", "A node reads its own result"
    NOT_UPSTREAM = "not-upstream", "A result is read of a node that is not before on any path"
    NOT_ALWAYS_UPSTREAM = "not-always-upstream", "A result is read of a node that some paths do not pass"
    OUTSIDE_LOOP = "outside-loop", "A loop's item is read outside of the loop"
    NO_SUCH_RESULT = "no-such-result", "A result does not exist"
    NEVER_STORED = "never-stored", "A key of the store is read that nothing stores"
    STORED_LATER = "stored-later", "A key of the store is read that is only stored later"

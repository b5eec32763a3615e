"""Sigma rules as they are given: YAML of one or several documents, each a rule or the reason why it is none.

Rules are untrusted: their size and number are bounded, and YAML's anchors, by which a page of text becomes gigabytes,
are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sekoia_export.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sigma.rule import SigmaRule

RULES_LIMIT = 5_000
TEXT_LIMIT_BYTES = 1024 * 1024
TEXTS_LIMIT_BYTES = 16 * 1024 * 1024
RULE_SUFFIXES = (".yml", ".yaml")
_REASON_LIMIT = 300
_TITLE_LIMIT = 200


@dataclass(frozen=True, slots=True)
class RuleText:
    """A text with rules.

    Attributes:
        name: of the argument or file that it comes from, for reasons.
        text: YAML.
    """

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Unusable:
    """A rule that cannot be used.

    Attributes:
        title: of the rule, or where it stands.
        reason: a sentence.
    """

    title: str
    reason: str


def check_texts(texts: list[RuleText]) -> None:
    """Raise UsageError when there is nothing to read, or too much of it."""
    if not any(text.text.strip() for text in texts):
        raise UsageError("There are no rules.", "Give rules, or rules_path with .yml or .yaml files in it.")
    sizes = [len(text.text.encode(errors="replace")) for text in texts]
    if sum(sizes) > TEXTS_LIMIT_BYTES:
        raise UsageError(
            f"The rules are {sum(sizes):,} bytes long, and {TEXTS_LIMIT_BYTES:,} are the most.", "Give fewer rules."
        )


def read_rules(texts: Iterable[RuleText]) -> Iterator[SigmaRule | Unusable]:
    """Read every document of every text.

    Raises:
        UsageError: there are more rules than can be read at once.
    """
    count = 0
    for text in texts:
        for number, document in enumerate(_documents(text), start=1):
            count += 1
            if count > RULES_LIMIT:
                raise UsageError(f"There are more than {RULES_LIMIT:,} rules.", "Give fewer rules.")
            yield document if isinstance(document, Unusable) else _rule(document, f"{text.name}, rule {number}")


def reason_of(failure: Exception) -> str:
    """Return why a rule cannot be used, as pySigma says it, in one line."""
    said = " ".join(str(failure).split()) or type(failure).__name__
    return said[:_REASON_LIMIT]


def _documents(text: RuleText) -> Iterator[Any]:
    import yaml

    if len(text.text.encode(errors="replace")) > TEXT_LIMIT_BYTES:
        yield Unusable(text.name, f"it is longer than {TEXT_LIMIT_BYTES:,} bytes")
        return
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        if any(isinstance(token, yaml.AnchorToken | yaml.AliasToken) for token in yaml.scan(text.text, Loader=loader)):
            yield Unusable(text.name, "it has YAML anchors or aliases, which are not read")
            return
        for document in yaml.load_all(text.text, Loader=loader):  # a safe loader, see above
            if document is not None:
                yield document
    except (yaml.YAMLError, ValueError, RecursionError, TypeError, AttributeError) as failure:
        yield Unusable(text.name, f"it is no YAML: {reason_of(failure)}")


def _rule(document: Any, place: str) -> SigmaRule | Unusable:
    from sigma.exceptions import SigmaError
    from sigma.rule import SigmaRule

    if not isinstance(document, dict):
        return Unusable(place, "it is no rule: it has no names and values")
    title = document.get("title")
    shown = title[:_TITLE_LIMIT] if isinstance(title, str) and title.strip() else place
    for name, what in (("correlation", "a correlation of other rules"), ("filter", "a filter of other rules")):
        if name in document and "detection" not in document:
            return Unusable(shown, f"it is {what}, which is not supported")
    if "action" in document and "detection" not in document:
        return Unusable(shown, "it is a collection in the old format (action), which is not supported")
    try:
        return SigmaRule.from_dict({"logsource": {"category": "any"}, "title": place, **document}, collect_errors=False)
    except (SigmaError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as failure:
        return Unusable(shown, f"it is no Sigma rule: {reason_of(failure)}")

"""A Sigma rule as a condition in DuckDB's SQL, by pySigma with its backend for SQLite.

Of pySigma's two backends that could serve, SQLite's is right on more of the cases in `tests/analysis/sigma_cases.py`
(docs/hunting.md has the count): its NOT is two-valued, and its patterns are escaped. What differs here:

- Values are compared as text, without case, whatever the column's type is.
- Regular expressions are RE2's; what RE2 does not know (look-around) makes a rule one that cannot be converted.
- Networks are compared by their bits, in any way of writing an address of version 6.
- Numbers are compared as numbers, and text that is none is never less or greater.
- Keywords are looked for in every field.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any, ClassVar, cast

from sigma.backends.sqlite.sqlite import sqliteBackend
from sigma.types import (
    SigmaBool,
    SigmaCIDRExpression,
    SigmaRegularExpression,
    SigmaString,
    SpecialChars,
)

from sekoia_export.analysis.fields import identifier, literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sigma.conditions import ConditionFieldEqualsValueExpression, ConditionValueExpression
    from sigma.conversion.state import ConversionState
    from sigma.processing.pipeline import ProcessingPipeline
    from sigma.rule import SigmaRule

KEYWORDS_COLUMN = "__keywords"
"""The column of all of an event's values, in lower case, each between separators."""
SEPARATOR = "\x1f"
ADDRESS_MACRO = "address_bits"
"""A macro of one argument: the bits of an address as hexadecimal digits (8 or 32), NULL for what is no address."""

_ANYTHING, _ONE = f"[^{SEPARATOR}]*", f"[^{SEPARATOR}]"
_BITS_OF_A_DIGIT = 4


class EventsBackend(sqliteBackend):
    """Converts rules to conditions on columns of the table `events`.

    Attributes:
        fields: those that the converted rules name, as the events call them.
        networks: those whose values are compared as addresses, in a column of their own (`bits_column`).
        keywords: whether a converted rule looks into every field.
        patterns: regular expressions of the converted rules, to be tried before they run.
    """

    null_safe_expression: ClassVar[str] = "coalesce({expr}, false)"
    field_exists_expression: ClassVar[str] = "{field} IS NOT NULL"
    field_not_exists_expression: ClassVar[str] = "{field} IS NULL"
    field_null_expression: ClassVar[str] = "{field} IS NULL"
    compare_op_expression: ClassVar[str] = "TRY_CAST(CAST({field} AS VARCHAR) AS DOUBLE) {operator} {value}"
    field_timestamp_part_expression: ClassVar[str] = (
        "extract({timestamp_part} FROM TRY_CAST(CAST({field} AS VARCHAR) AS TIMESTAMP))"
    )
    timestamp_part_mapping: ClassVar[dict[Any, str] | None] = None
    field_equals_field_expression: ClassVar[str] = "lower(CAST({field1} AS VARCHAR)) = lower(CAST({field2} AS VARCHAR))"
    field_equals_field_startswith_expression: ClassVar[str] = (
        "starts_with(lower(CAST({field1} AS VARCHAR)), lower(CAST({field2} AS VARCHAR)))"
    )
    field_equals_field_endswith_expression: ClassVar[str] = (
        "suffix(lower(CAST({field1} AS VARCHAR)), lower(CAST({field2} AS VARCHAR)))"
    )
    field_equals_field_contains_expression: ClassVar[str] = (
        "contains(lower(CAST({field1} AS VARCHAR)), lower(CAST({field2} AS VARCHAR)))"
    )

    def __init__(self, pipeline: ProcessingPipeline | None = None) -> None:
        super().__init__(pipeline)
        self.fields: set[str] = set()
        self.keywords = False
        self.networks: set[str] = set()
        self.patterns: list[str] = []

    def condition(self, rule: SigmaRule) -> str:
        """Return the condition that a rule's events fulfil; of several conditions, one of them.

        Raises:
            SigmaError, NotImplementedError: it cannot be converted.
        """
        self.fields, self.networks, self.keywords, self.patterns = set(), set(), False, []
        return " OR ".join(f"({query})" for query in self.convert_rule(rule))

    def escape_and_quote_field(self, field: str) -> str:
        self.fields.add(field)
        return identifier(field)

    def convert_condition_field_eq_val_str(
        self, cond: ConditionFieldEqualsValueExpression, state: ConversionState
    ) -> str:
        return _matches(cast("SigmaString", cond.value), f"lower({self._text(cond.field)})", lower=True)

    def convert_condition_field_eq_val_str_case_sensitive(
        self, cond: ConditionFieldEqualsValueExpression, state: ConversionState
    ) -> str:
        return _matches(cast("SigmaString", cond.value), self._text(cond.field), lower=False)

    def convert_condition_field_eq_val_num(
        self, cond: ConditionFieldEqualsValueExpression, state: ConversionState
    ) -> str:
        return f"{self._text(cond.field)} = {literal(str(cond.value))}"

    def convert_condition_field_eq_val_bool(
        self, cond: ConditionFieldEqualsValueExpression, state: ConversionState
    ) -> str:
        return f"lower({self._text(cond.field)}) = {literal(str(cast('SigmaBool', cond.value).boolean).lower())}"

    def convert_condition_field_eq_val_re(
        self, cond: ConditionFieldEqualsValueExpression, state: ConversionState
    ) -> str:
        expression = cast("SigmaRegularExpression", cond.value)
        flags = "".join(sorted(flag.name[0].lower() for flag in expression.flags))
        pattern = f"(?{flags}){expression.regexp}" if flags else str(expression.regexp)
        self.patterns.append(pattern)
        return f"regexp_matches({self._text(cond.field)}, {literal(pattern)})"

    def convert_condition_field_eq_val_cidr(
        self, cond: ConditionFieldEqualsValueExpression, state: ConversionState
    ) -> str:
        self.fields.add(cond.field)
        self.networks.add(cond.field)
        return f"({_in_network(cast('SigmaCIDRExpression', cond.value), identifier(bits_column(cond.field)))})"

    def convert_condition_val_str(self, cond: ConditionValueExpression, state: ConversionState) -> str:
        return self._keyword(cast("SigmaString", cond.value))

    def convert_condition_val_num(self, cond: ConditionValueExpression, state: ConversionState) -> str:
        return self._keyword(SigmaString(str(cond.value)))

    def finalize_query_default(self, rule: Any, query: str, index: int, state: ConversionState) -> str:
        return query

    def _text(self, field: str) -> str:
        return f"CAST({self.escape_and_quote_field(field)} AS VARCHAR)"

    def _keyword(self, value: SigmaString) -> str:
        self.keywords = True
        parts = _parts(value)
        if all(isinstance(part, str) for part in parts):
            return f"contains({identifier(KEYWORDS_COLUMN)}, {literal(''.join(map(str, parts)).lower())})"
        pattern = "".join(
            re.escape(part.lower())
            if isinstance(part, str)
            else _ANYTHING
            if part is SpecialChars.WILDCARD_MULTI
            else _ONE
            for part in parts
        )
        return f"regexp_matches({identifier(KEYWORDS_COLUMN)}, {literal(pattern)})"


def bits_column(field: str) -> str:
    """Return the column that has the bits of a field's addresses: they are made once, not once a rule."""
    return f"__bits {field}"


def bits_of(field: str) -> str:
    """Return the expression of that column."""
    return f"{ADDRESS_MACRO}(CAST({identifier(field)} AS VARCHAR))"


def keywords_of(columns: Iterable[str]) -> str:
    """Return the expression of the column that keywords are looked for in."""
    values = ", ".join(f"CAST({identifier(name)} AS VARCHAR)" for name in columns)
    return f"lower(concat_ws({literal(SEPARATOR)}, '', {values}, ''))" if values else "''"


def address_macros() -> list[str]:
    """Return the statements that make the macro of addresses."""
    octets = ", ".join(f"TRY_CAST(split_part(a, '.', {at}) AS UTINYINT)" for at in range(1, 5))
    before, after = "address_groups(split_part(a, '::', 1))", "address_groups(split_part(a, '::', 2))"
    # "::" stands for as many groups of zeros as are missing.
    zeros = f"list_transform(range(greatest(0, 8 - len({before}) - len({after}))), lambda i: '0')"
    groups = (
        f"CASE WHEN contains(a, '::') THEN list_concat({before}, list_concat({zeros}, {after})) "
        "ELSE address_groups(a) END"
    )
    groups_macro = "CREATE TEMP MACRO address_groups(t) AS list_filter(string_split(t, ':'), lambda x: x <> '')"
    bits_macro = (
        f"CREATE TEMP MACRO {ADDRESS_MACRO}(a) AS CASE "
        f"WHEN regexp_full_match(a, '[0-9]{{1,3}}(\\.[0-9]{{1,3}}){{3}}') THEN format('{'{:02x}' * 4}', {octets}) "
        "WHEN contains(a, ':') AND regexp_full_match(a, '[0-9A-Fa-f:]{2,39}') THEN "
        f"lower(list_aggregate(list_transform({groups}, lambda g: lpad(g, 4, '0')), 'string_agg', '')) END"
    )
    return [groups_macro, bits_macro]


def _matches(value: SigmaString, text: str, *, lower: bool) -> str:
    """Return the condition that `text`, an expression, is what a Sigma text with wildcards says."""
    parts = [part.lower() if lower and isinstance(part, str) else part for part in _parts(value)]
    many = SpecialChars.WILDCARD_MULTI
    begins, ends = parts[:1] == [many], parts[-1:] == [many]
    inner = parts[begins : len(parts) - ends] if len(parts) > 1 else parts
    if parts == [many]:
        return f"{text} IS NOT NULL"
    if all(isinstance(part, str) for part in inner):
        plain = literal("".join(map(str, inner)))
        if begins and ends:
            return f"contains({text}, {plain})"
        if begins:
            return f"suffix({text}, {plain})"
        return f"starts_with({text}, {plain})" if ends else f"{text} = {plain}"
    pattern = "".join(
        re.sub(r"([\\%_])", r"\\\1", part) if isinstance(part, str) else "%" if part is many else "_" for part in parts
    )
    return f"{text} LIKE {literal(pattern)} ESCAPE '\\'"


def _parts(value: SigmaString) -> list[str | SpecialChars]:
    """Return the texts and wildcards of a Sigma text, stars that follow each other as one."""
    parts: list[str | SpecialChars] = []
    for part in value.s:
        if not isinstance(part, str | SpecialChars):
            raise NotImplementedError("a placeholder that nothing replaces")
        if part is SpecialChars.WILDCARD_MULTI and parts[-1:] == [part]:
            continue
        parts.append(part)
    return parts


def _in_network(value: SigmaCIDRExpression, bits: str) -> str:
    """Return the condition that the digits of an address begin as those of a network."""
    network = ipaddress.ip_network(value.cidr, strict=False)
    width = network.max_prefixlen // _BITS_OF_A_DIGIT
    digits = f"{int(network.network_address):0{width}x}"
    whole, rest = divmod(network.prefixlen, _BITS_OF_A_DIGIT)
    conditions = [f"length({bits}) = {width}"]
    if whole:
        conditions.append(f"starts_with({bits}, {literal(digits[:whole])})")
    if rest:
        first = int(digits[whole], 16)
        last = first + (1 << (_BITS_OF_A_DIGIT - rest)) - 1
        conditions.append(f"substr({bits}, {whole + 1}, 1) BETWEEN '{first:x}' AND '{last:x}'")
    return " AND ".join(conditions)

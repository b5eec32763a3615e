"""What a playbook does when it runs: paths, joins, loops, the store, failures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from sekoia_export.simulator.playbook_steps import Step, StepStatus
from tests.simulator.playbook_bench import Bench, action, numbers, operator, playbook_of, step


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(tmp_path_factory.mktemp("playbooks"), stack)


def set_(key: str, value: Any, kind: str = "set") -> dict[str, Any]:
    return {"key": key, "type": kind, "value": value}


def case(left: Any, comparison: str, right: Any, name: str) -> dict[str, Any]:
    return {"left": left, "comparison": comparison, "right": right, "name": name}


def test_results_go_from_node_to_node(bench: Bench) -> None:
    outcome = bench.ran(
        {
            1: action("echo", 2, text="{{ node.0.who }}", list=[1, "{{ node.0.who }}"]),
            2: action("echo", text="{{ node.1.list }}", raw="{{ node['1'].text }}!"),
        },
        event={"who": "me"},
    )
    assert outcome.succeeded
    assert outcome.results[0] == {"who": "me"}
    assert (outcome.results[2]["text"], outcome.results[2]["raw"]) == ([1, "me"], "me!")
    assert len({outcome.results[1]["pid"], outcome.results[2]["pid"]}) == 2


def test_text_in_a_result_is_never_an_expression(bench: Bench) -> None:
    outcome = bench.ran(
        {1: action("echo", 2, said="{{ node.0.evil }}"), 2: action("echo", again="{{ node.1.said }}")},
        event={"evil": "{{ store.gone }}{% for %}"},
    )
    assert outcome.results[2]["again"] == "{{ store.gone }}{% for %}"


@pytest.mark.parametrize(
    ("chosen", "ran"), [(["a"], [1, 2]), (["b"], [1, 3, 4]), (["a", "b"], [1, 2, 3, 4]), ([], [1])]
)
def test_an_action_goes_on_in_the_branches_that_it_set(bench: Bench, chosen: list[str], ran: list[int]) -> None:
    outcome = bench.ran(
        {
            1: action("choose", branches={"a": [2], "b": [3, 4]}, chosen=chosen),
            **{number: operator("store", modifications=[set_("x", number)]) for number in (2, 3, 4)},
        }
    )
    assert sorted(numbers(outcome)) == ran
    assert step(outcome, 1).branches == tuple(chosen)


@pytest.mark.parametrize(("urgency", "goes"), [(90, 2), (50, 3), (10, 4)])
def test_a_condition_goes_on_with_the_first_case_that_holds(bench: Bench, urgency: int, goes: int) -> None:
    outcome = bench.ran(
        {
            1: operator(
                "condition",
                outputs={"high": [2], "middle": [3], "else": [4]},
                cases=[
                    case("{{ node.0.urgency }}", ">=", "{{ 80 }}", "high"),
                    case("{{ node.0.urgency }}", "range", "[{{ 40 }}, {{ 100 }}]", "middle"),
                ],
            ),
            **{number: operator("store", modifications=[set_("went", number)]) for number in (2, 3, 4)},
        },
        event={"urgency": urgency},
    )
    assert numbers(outcome) == [1, goes]
    assert outcome.store == {"went": goes}


def test_a_case_without_a_wired_branch_ends_the_path_well(bench: Bench) -> None:
    outcome = bench.ran({1: operator("condition", outputs={"else": []}, cases=[case(1, "==", 1, "yes")])})
    assert outcome.succeeded
    assert step(outcome, 1).branches == ("yes",)


def test_a_condition_that_cannot_be_decided_fails_with_its_case(bench: Bench) -> None:
    outcome = bench.ran({1: operator("condition", outputs={"else": []}, cases=[case("a", "<", 1, "less")])})
    assert step(outcome, 1).error == (
        "The comparison cannot be made: a text and a number have no order (node 1 (the condition), case 1 (less)). "
        "Correct the side that has the wrong kind."
    )


def test_the_store_is_seen_by_later_nodes(bench: Bench) -> None:
    changes = [
        set_("list", "{{ node.0.first }}", "append"),
        set_("list", "{{ store.list | length }}", "append"),
        set_("{{ node.0.first }}", {"deep": "{{ store.list }}"}),
        set_("list", "one", "remove"),
        set_("gone", 1),
        {"key": "gone", "type": "unset"},
    ]
    outcome = bench.ran(
        {1: operator("store", 2, modifications=changes), 2: action("echo", seen="{{ store.one.deep }}")},
        event={"first": "one"},
    )
    assert outcome.store == {"list": [1], "one": {"deep": ["one", 1]}}
    assert outcome.results[2]["seen"] == ["one", 1]


def test_a_foreach_has_value_index_and_total_and_goes_on_after_the_last(bench: Bench) -> None:
    loop = operator("foreach", 3, items="{{ node.0.things }}", loop=["2"])
    noted = {
        "v": "{{ node.1.default.value }}", "i": "{{ node.1.default.index }}", "t": "{{ node.1.default['total'] }}",
    }  # fmt: skip
    outcome = bench.ran(
        {
            1: loop,
            2: operator("store", modifications=[set_("seen", noted, "append")]),
            3: operator(
                "store", modifications=[set_("last", "{{ node.1.default.value }} of {{ store.seen | length }}")]
            ),
        },
        event={"things": ["a", {"b": 1}, 3]},
    )
    assert outcome.store == {
        "seen": [{"v": "a", "i": 0, "t": 3}, {"v": {"b": 1}, "i": 1, "t": 3}, {"v": 3, "i": 2, "t": 3}],
        "last": "3 of 3",
    }
    assert [each.item for each in outcome.steps if each.node.number == 2] == [(0, 3), (1, 3), (2, 3)]
    assert numbers(outcome) == [1, 2, 2, 2, 3]


def test_a_foreach_over_nothing_goes_on_at_once(bench: Bench) -> None:
    outcome = bench.ran(
        {
            1: operator("foreach", 3, items="{{ [] }}", loop=["2"]),
            2: action("fail"),
            3: action("echo", total="{{ node.1.default.total }}"),
        }
    )
    assert numbers(outcome) == [1, 3]
    assert outcome.results[3]["total"] == 0


@pytest.mark.parametrize("items", ["{{ node.0.text }}", "{{ node.0.text }} and more", {"a": 1}, None])
def test_a_foreach_over_what_is_no_list_fails(bench: Bench, items: Any) -> None:
    outcome = bench.ran(
        {1: operator("foreach", items=items, loop=["2"]), 2: action("echo")}, event={"text": "not a list"}
    )
    assert numbers(outcome) == [1]
    assert "not a list" in str(step(outcome, 1).error)


def test_loops_nest_and_each_item_of_the_outer_goes_through_all_of_the_inner(bench: Bench) -> None:
    pair = "{{ node.1.default.value.name }}{{ node.2.default.value }}{{ node.2.default.index }}"
    outcome = bench.ran(
        {
            1: operator("foreach", 5, items="{{ node.0.groups }}", loop=["2"]),
            2: operator("foreach", 4, items="{{ node.1.default.value.of }}", loop=["3"]),
            3: operator("store", modifications=[set_("seen", pair, "append")]),
            4: operator("store", modifications=[set_("seen", "end {{ node.1.default.index }}", "append")]),
            5: operator("store", modifications=[set_("seen", "end", "append")]),
        },
        event={"groups": [{"name": "x", "of": [1, 2]}, {"name": "y", "of": []}, {"name": "z", "of": [3]}]},
    )
    assert outcome.store["seen"] == ["x10", "x21", "end 0", "end 1", "z30", "end 2", "end"]


def test_an_item_does_not_see_what_the_item_before_it_left(bench: Bench) -> None:
    outcome = bench.ran(
        {
            1: operator("foreach", 5, items="{{ [['a'], []] }}", loop=["2"]),
            2: action("choose", branches={"a": [3], "b": []}, chosen="{{ node.1.default.value }}"),
            3: action("echo", 4, value="found"),
            4: operator("store", modifications=[set_("x", "{{ node.3.value }}", "append")]),
            5: action("echo", last="{{ node.3.value }}"),
        }
    )
    assert outcome.succeeded
    assert outcome.results[5]["last"] == "found"
    stale = bench.ran(
        {
            1: operator("foreach", items="{{ [1, 2] }}", loop=["2"]),
            2: operator("condition", outputs={"first": [3], "else": [4]},
                        cases=[case("{{ node.1.default.index }}", "==", 0, "first")]),
            3: action("echo", value="of the first"),
            4: action("echo", value="{{ node.3.value }}"),
        }
    )  # fmt: skip
    assert "The expression {{ node.3.value }} (node 4 (echo it), argument value)" in str(step(stale, 4).error)


def test_parallel_branches_run_at_the_same_time(bench: Bench) -> None:
    outcome = bench.ran(
        {
            1: action("meet", 3, me="left", other="right"),
            2: action("meet", 3, me="right", other="left"),
            3: operator("all", 4),
            4: action("echo", both="{{ node.1.met and node.2.met }}"),
        },
        1,
        2,
    )
    assert outcome.succeeded
    assert outcome.results[4]["both"] is True
    left, right = step(outcome, 1), step(outcome, 2)
    assert left.ended_s is not None
    assert right.ended_s is not None
    assert max(left.started_s, right.started_s) < min(left.ended_s, right.ended_s)
    assert numbers(outcome).count(4) == 1


def test_all_does_not_go_on_without_every_node_before_it(bench: Bench) -> None:
    outcome = bench.ran(
        {
            1: action("choose", branches={"a": [2], "b": [3]}, chosen=["a"]),
            2: action("echo", 4),
            3: action("echo", 4),
            4: operator("all", 5),
            5: action("echo"),
        }
    )
    assert numbers(outcome) == [1, 2, 4]
    assert (step(outcome, 4).status, step(outcome, 4).note) == (StepStatus.WAITING, "waits for echo it")
    assert outcome.succeeded


def test_any_goes_on_once_with_the_first(bench: Bench) -> None:
    outcome = bench.ran({1: action("echo", 3), 2: action("echo", 3), 3: operator("any", 4), 4: action("echo")}, 1, 2)
    assert outcome.succeeded
    assert sorted(numbers(outcome)) == [1, 2, 3, 4]


def test_without_a_join_a_node_runs_for_each_path_that_reaches_it(bench: Bench) -> None:
    outcome = bench.ran({1: action("echo", 3), 2: action("echo", 3), 3: action("echo")}, 1, 2)
    assert sorted(numbers(outcome)) == [1, 2, 3, 3]


def test_a_join_in_a_loop_waits_anew_for_each_item(bench: Bench) -> None:
    outcome = bench.ran(
        {
            1: operator("foreach", items="{{ [1, 2] }}", loop=["2", "3"]),
            2: operator("store", 4, modifications=[set_("x", 1)]),
            3: operator("store", 4, modifications=[set_("y", 1)]),
            4: operator("all", 5),
            5: operator("store", modifications=[set_("joined", "{{ node.1.default.value }}", "append")]),
        }
    )
    assert outcome.store["joined"] == [1, 2]


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("fail", "It went wrong. Mend it."),
        ("die", "Its process ended (status 3) before it had reported what became of it: Traceback: it is broken."),
    ],
)
def test_a_node_that_fails_ends_its_path_and_no_other(bench: Bench, command: str, error: str) -> None:
    outcome = bench.ran({1: action(command, 3), 2: action("echo", 4), 3: action("echo"), 4: action("echo")}, 1, 2)
    assert sorted(numbers(outcome)) == [1, 2, 4]
    assert not outcome.succeeded
    assert [each.node.number for each in outcome.failed] == [1]
    assert step(outcome, 1).error == error
    assert 1 not in outcome.results


def test_a_failure_in_an_item_leaves_the_next_items_and_what_follows(bench: Bench) -> None:
    outcome = bench.ran(
        {
            1: operator("foreach", 4, items="{{ ['x', 'y'] }}", loop=["2"]),
            2: action("echo", 3, text="{{ node.0[node.1.default.value] }}"),
            3: operator("store", modifications=[set_("did", "{{ node.2.text }}", "append")]),
            4: operator("store", modifications=[set_("end", 1)]),
        },
        event={"y": "there"},
    )
    assert outcome.store == {"did": ["there"], "end": 1}
    [failed] = outcome.failed
    assert failed.item == (0, 2)
    assert "The expression {{ node.0[node.1.default.value] }} (node 2 (echo it), argument text)" in str(failed.error)


@pytest.mark.parametrize(
    ("node", "place"),
    [
        (action("echo", deep={"list": ["{{ store.gone }}"]}), "argument deep"),
        (operator("store", modifications=[set_("x", "{{ store.gone }}")]), "modification 1, argument value"),
        (operator("foreach", items="{{ store.gone }}", loop=[]), "argument items"),
        (
            operator("condition", outputs={"else": []}, cases=[case(1, "==", "{{ store.gone }}", "c")]),
            "case 1 (c), argument right",
        ),
    ],
)
def test_what_is_undefined_is_an_error_with_node_argument_and_expression(
    bench: Bench, node: dict[str, Any], place: str
) -> None:
    outcome = bench.ran({1: node})
    error = str(step(outcome, 1).error)
    assert "The expression {{ store.gone }}" in error
    assert f"(node 1 ({node['name']}), {place})" in error


def test_an_expression_that_never_ends_fails_its_node_and_no_other(bench: Bench) -> None:
    endless = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    outcome = bench.ran(
        {1: action("echo", text=endless), 2: action("echo", text="{{ node.0.x }}")}, 1, 2, event={"x": 1}
    )
    assert [each.node.number for each in outcome.failed] == [1]
    assert "more time or memory" in str(step(outcome, 1).error)
    assert outcome.results[2]["text"] == 1


def test_a_long_chain_needs_no_stack(bench: Bench) -> None:
    length = 1_900
    nodes = {
        number: operator("store", number + 1, modifications=[set_("x", number)]) for number in range(1, length)
    } | {length: operator("store", modifications=[set_("end", 1)])}
    outcome = bench.ran(nodes)
    assert outcome.store == {"x": length - 1, "end": 1}


class _Seen:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int, str]] = []

    def started(self, step: Step) -> None:
        self.told.append(("started", step.node.number, str(step.status)))

    def noted(self, step: Step) -> None:
        self.told.append(("noted", step.node.number, step.note))

    def ended(self, step: Step) -> None:
        self.told.append(("ended", step.node.number, str(step.status)))


def test_every_step_is_told_while_it_runs(bench: Bench) -> None:
    seen = _Seen()
    bench.run(playbook_of({1: action("die", 2), 2: action("echo")}), observer=seen)
    assert seen.told == [
        ("started", 0, "running"),
        ("ended", 0, "succeeded"),
        ("started", 1, "running"),
        ("noted", 1, "Traceback: it is broken"),
        ("ended", 1, "failed"),
    ]


class _Broken(_Seen):
    """An observer with a bug."""

    def started(self, step: Step) -> None:
        if step.node.number == 2:
            raise RuntimeError("a bug")


def test_a_bug_in_one_path_is_raised_where_the_run_was_started(bench: Bench) -> None:
    with pytest.raises(RuntimeError, match="a bug"):
        bench.run(playbook_of({1: action("echo"), 2: action("echo")}, 1, 2), observer=_Broken())


def test_what_was_run_can_be_written_as_json(bench: Bench) -> None:
    outcome = bench.ran({1: action("echo", x=[1])})
    json.dumps([outcome.event, outcome.results, outcome.store, [each.results for each in outcome.steps]])

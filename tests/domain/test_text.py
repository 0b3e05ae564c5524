"""One rule for every text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniforge_graph.domain.caller import Caller
from omniforge_graph.domain.text import (
    MAX_CONTENT,
    MAX_NAME,
    are_clean,
    clean_json,
    clean_key,
    clean_optional,
    clean_text,
    is_ordinary,
)
from omniforge_graph.errors import ErrorCode, ForbiddenError, TextError, ValidationError


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("", "must not be empty"),
        ("  \n", "must not be empty"),
        ("a\x00b", "U\\+0000 at position 1"),
        ("\ud800", "U\\+D800"),
        ("x" * 201, "201 characters; at most 200"),
        ("x" * 10_000_000, "10,000,000 characters"),
        (7, "must be text, not int"),
        (None, "must be text, not NoneType"),
    ],
)
def test_unstorable_text_is_refused_and_named(value: object, word: str) -> None:
    with pytest.raises(TextError, match=word) as refusal:
        clean_text(value, ("input", "name"))
    assert (refusal.value.code, refusal.value.path) == (ErrorCode.INVALID_TEXT, ("input", "name"))


@given(st.text(min_size=1, max_size=200).filter(str.strip).filter(lambda t: "\x00" not in t))
def test_any_other_text_passes_unchanged(value: str) -> None:
    assert clean_text(value, ("name",)) == value


def test_long_content_passes_under_its_own_limit() -> None:
    content = "x" * MAX_CONTENT
    assert clean_text(content, ("content",), maximum=MAX_CONTENT) == content


@pytest.mark.parametrize("key", ["a", "support-reply", "team/agent:v2.1", "X_1"])
def test_keys(key: str) -> None:
    assert clean_key(key, ("key",)) == key


@pytest.mark.parametrize("key", ["-a", "a b", "é", "a\n", "a" * 129, ""])
def test_what_is_not_a_key(key: str) -> None:
    with pytest.raises(TextError):
        clean_key(key, ("key",))


def test_optional_text_is_none_when_blank() -> None:
    assert clean_optional(None, ("x",)) is None
    assert clean_optional("", ("x",)) is None
    assert clean_optional("y", ("x",)) == "y"


def test_json_is_kept_as_it_is_and_refused_if_it_cannot_be() -> None:
    fine = {"stop": "\\u0000", "nested": [{"é": 1.5}], "none": None}
    assert clean_json(fine, ("parameters",)) == fine
    for bad in ({"a": "\x00"}, {"a": ["\\\x00"]}, {"a": float("nan")}, {"a": object()}, {"a": "x" * 300_000}, [1]):
        with pytest.raises(ValidationError) as refusal:
            clean_json(bad, ("parameters",))
        assert refusal.value.path == ("parameters",)


def test_a_confined_caller_acts_for_its_own_tenant_only() -> None:
    assert [Caller().scope(tenant) for tenant in (None, "t1")] == [None, "t1"]
    assert [Caller(tenant_id="t1").scope(tenant) for tenant in (None, "t1")] == ["t1", "t1"]
    with pytest.raises(ForbiddenError):
        Caller(tenant_id="t1").scope("t2")


def test_a_caller_sees_its_own_and_the_shared_but_changes_its_own_only() -> None:
    confined, free = Caller(tenant_id="t1"), Caller()
    assert [confined.may_see(tenant) for tenant in ("t1", None, "t2")] == [True, True, False]
    assert [confined.may_change(tenant) for tenant in ("t1", None, "t2")] == [True, False, False]
    assert all(free.may_see(tenant) and free.may_change(tenant) for tenant in ("t1", None))
    with pytest.raises(TextError):
        Caller(actor="a\x00")


@given(
    st.one_of(st.text(), st.text(" \0\n\ud800abc", max_size=210), st.sampled_from(["x" * 200, "x" * 201, 7, None, []]))
)
def test_what_is_ordinary_is_clean(value: object) -> None:
    if is_ordinary(value, MAX_NAME):
        assert clean_text(value, ("name",), maximum=MAX_NAME) == value
    else:
        assert not (isinstance(value, str) and value.isalnum() and len(value) <= MAX_NAME)


@given(st.lists(st.text(max_size=4) | st.sampled_from(["a\0b", "\ud800", "é\0", " ", 7, None]), max_size=4))
def test_texts_are_clean_if_each_of_them_is(values):
    def is_clean(value):
        try:
            return clean_text(value, ("text",), maximum=3) == value
        except TextError:
            return False

    assert are_clean(values, maximum=3) == all(map(is_clean, values))

"""Which signed tokens open a console, and what closes it again."""

import time
from typing import Any

import pytest
from tests.wings.conftest import TOKEN, UUID, signed

from rookery.wings.tokens import (
    DENIED,
    EXPIRED,
    NO_PERMISSION,
    BadToken,
    ConsoleToken,
    TokenProblem,
    Tokens,
    console_token,
    recheck,
)


def payload(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    found = {
        "iat": now,
        "nbf": now - 300,
        "exp": now + 600,
        "jti": "one",
        "unique_id": "u1",
        "user_uuid": "somebody",
        "server_uuid": UUID,
        "permissions": ["websocket.connect"],
        **changes,
    }
    return {key: value for key, value in found.items() if value is not None}


def opened(tokens: Tokens, **changes: Any) -> ConsoleToken:
    return console_token(tokens, TOKEN, signed(payload(**changes)))


def test_a_fresh_token_opens() -> None:
    assert opened(Tokens()).user == "somebody"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": int(time.time()) - 10}, EXPIRED),
        ({"exp": None}, EXPIRED),
        ({"iat": int(time.time()) - 3600}, DENIED),
        ({"iat": None}, DENIED),
        ({"permissions": ["control.start"]}, NO_PERMISSION),
        ({"permissions": None}, NO_PERMISSION),
        ({"scope": "file-upload"}, NO_PERMISSION),
    ],
)
def test_what_a_token_lacks_is_said_in_the_words_clients_know(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(TokenProblem) as err:
        opened(Tokens(), **changes)
    assert err.value.detail == reason


def test_a_scope_that_names_the_console_opens_it() -> None:
    assert opened(Tokens(), scope="file-upload websocket")


@pytest.mark.parametrize("text", ["", "..", "a.b.c", "nonsense", signed(payload(), secret="c" * 64)])
def test_what_the_panel_did_not_sign_opens_nothing(text: str) -> None:
    with pytest.raises(BadToken):
        console_token(Tokens(), TOKEN, text)


@pytest.mark.parametrize(
    "changes", [{"permissions": "all"}, {"permissions": [1]}, {"user_uuid": 5}, {"exp": "soon"}, {"iat": True}]
)
def test_claims_of_a_wrong_type_open_nothing(changes: dict[str, Any]) -> None:
    with pytest.raises(TokenProblem):
        opened(Tokens(), **changes)


def test_a_token_used_before_its_denial_stays_refused_and_a_new_one_of_the_same_second_opens() -> None:
    tokens = Tokens()
    old = opened(tokens)
    tokens.deny(["one"])
    for _ in range(2):
        with pytest.raises(TokenProblem, match="denylist"):
            recheck(tokens, old)
    new = opened(tokens, unique_id="u2")
    recheck(tokens, new)
    with pytest.raises(TokenProblem, match="denylist"):
        recheck(tokens, old)


def test_a_token_of_the_second_of_its_denial_that_is_shown_later_counts_as_older(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    second = int(time.time()) + 1
    tokens = Tokens()
    monkeypatch.setattr(time, "time", lambda: second + 0.3)
    tokens.deny(["one"])
    shown_at_once = opened(tokens, unique_id="u1")
    monkeypatch.setattr(time, "time", lambda: second + 1.2)
    with pytest.raises(TokenProblem, match="denylist"):
        opened(tokens, unique_id="u2", iat=shown_at_once.claims["iat"])
    recheck(tokens, shown_at_once)


def test_a_second_denial_closes_what_was_opened_after_the_first() -> None:
    tokens = Tokens()
    opened(tokens)
    tokens.deny(["one"])
    new = opened(tokens, unique_id="u2")
    tokens.deny(["one"])
    with pytest.raises(TokenProblem, match="denylist"):
        recheck(tokens, new)


def test_other_identifiers_are_not_denied() -> None:
    tokens = Tokens()
    other = opened(tokens, jti="two")
    tokens.deny(["one"])
    recheck(tokens, other)


def test_everything_but_administration_is_in_the_star() -> None:
    token = ConsoleToken(payload(permissions=["*"]))
    assert token.allows("control.start")
    assert not token.allows("admin.websocket.errors")
    assert ConsoleToken(payload(permissions=["admin.websocket.errors"])).allows("admin.websocket.errors")


def test_a_single_use_token_is_used_once() -> None:
    tokens = Tokens()
    assert tokens.spend("x")
    assert not tokens.spend("x")
    assert tokens.spend("y")


def test_spent_tokens_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, real = Tokens(), time.monotonic
    for number in range(1500):
        tokens.spend(str(number))
    monkeypatch.setattr(time, "monotonic", lambda: real() + 7200)
    assert tokens.spend("1")
    assert len(tokens._spent) == 1

"""Which signed token opens which door of the node, and which tokens are spent or denied."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from rookery.protocol import claims
from rookery.protocol.problems import Denied

EXPIRED = "jwt: exp claim is invalid"
DENIED = "jwt: created too far in past (denylist)"
NO_PERMISSION = "jwt: missing connect permission"
WRONG_SERVER = "jwt: server uuid mismatch"
NO_TOKEN = "jwt: no jwt present"  # noqa: S105 - a message
_SPENT_SECONDS = 60 * 60
_SEEN_PER_IDENTIFIER = 32


class TokenProblem(Denied):
    """A token that does not open a console; the sentence is the one clients look for, byte for byte."""

    known = True


class BadToken(TokenProblem):
    """A token that is not readable or not signed by the Panel; what was wrong is shown only to administrators."""

    known = False


_GRACE_SECONDS = 0.1
"""How long after the second of a denial a token issued in that second may be shown for the first time."""


@dataclass(slots=True)
class _Denial:
    """A denial in the second `at`: tokens `used` before it, and those of the same second accepted after it."""

    at: int
    used: frozenset[str]
    renewed: set[str] = field(default_factory=set)

    def covers(self, issued: int, unique: str, now: float) -> bool:
        """Whether a token issued in the second `issued` and shown at `now` is refused."""
        if issued != self.at:
            return issued < self.at
        if unique not in self.used and now < self.at + 1 + _GRACE_SECONDS:
            self.renewed.add(unique)
        return unique not in self.renewed


@dataclass(slots=True)
class Tokens:
    """The node's memory about tokens. Nothing here survives a restart, because older tokens die with it."""

    started: float = field(default_factory=time.time)
    _denied: dict[str, "_Denial"] = field(default_factory=dict)
    _gone: dict[tuple[str, str | None], float] = field(default_factory=dict)
    _seen: dict[str, dict[str, int]] = field(default_factory=dict)
    _spent: dict[str, float] = field(default_factory=dict)

    def deny(self, identifiers: Iterable[str]) -> None:
        """Refuse all tokens with these `jti` that were issued before now.

        Times in tokens have whole seconds. One issued in the very second of the denial counts as issued after it when
        it was not used before and is shown at once, as a client does that was just given new rights.
        """
        now = int(time.time())
        for identifier in identifiers:
            seen = self._seen.get(identifier, {})
            used = frozenset(unique for unique, issued in seen.items() if issued >= now)
            self._denied[identifier] = _Denial(now, used)

    def deny_user(self, user: str, servers: Iterable[str] | None) -> None:
        """Refuse all tokens of a user for these servers, or for all, that were issued until now."""
        now = time.time()
        for server in servers if servers is not None else (None,):
            self._gone[user, server] = now

    def spend(self, unique_id: str) -> bool:
        """Use up a single-use token; False when it was used within the last hour."""
        now = time.monotonic()
        if len(self._spent) > 1024:
            self._spent = {key: at for key, at in self._spent.items() if now - at < _SPENT_SECONDS}
        if now - self._spent.get(unique_id, -_SPENT_SECONDS) < _SPENT_SECONDS:
            return False
        self._spent[unique_id] = now
        return True

    def holds(self, token: dict[str, Any]) -> bool:
        """Whether a token of an address was not denied together with its user."""
        issued, user = token.get("iat"), str(token.get("user_uuid"))
        return not any(
            issued is None or issued <= self._gone[user, server]
            for server in (str(token.get("server_uuid")), None)
            if (user, server) in self._gone
        )

    def check_age(self, token: dict[str, Any]) -> None:
        """Refuse a token from before this process or from before its or its user's denial.

        Raises:
            TokenProblem: it is too old.
        """
        issued, identifier, unique = token.get("iat"), str(token.get("jti")), str(token.get("unique_id"))
        if not isinstance(issued, int) or issued < int(self.started):
            raise TokenProblem(DENIED)
        denial = self._denied.get(identifier)
        if denial is not None and denial.covers(issued, unique, time.time()):
            raise TokenProblem(DENIED)
        if not self.holds(token):
            raise TokenProblem(DENIED)
        seen = self._seen.setdefault(identifier, {})
        if len(seen) >= _SEEN_PER_IDENTIFIER and unique not in seen:
            seen.pop(next(iter(seen)))
        seen[unique] = issued


@dataclass(slots=True)
class ConsoleToken:
    """A token that was accepted for a console."""

    claims: dict[str, Any]

    @property
    def user(self) -> str | None:
        """The user's uuid; None when the token names nobody."""
        return self.claims.get("user_uuid") or None

    @property
    def expires(self) -> float:
        """Unix time."""
        return float(self.claims["exp"])

    def allows(self, permission: str) -> bool:
        """Whether the holder has a permission; `*` covers all that do not start with `admin`."""
        held = self.claims.get("permissions") or ()
        return permission in held or ("*" in held and not permission.startswith("admin"))


def read_token(secret: str, text: str) -> dict[str, Any]:
    """The claims of a token signed by the Panel for this node, expired or not decided yet.

    Raises:
        BadToken: it is malformed or signed with another secret.
        TokenProblem: it has expired.
    """
    try:
        found = claims.verify(secret, text, now=0)
    except Denied as err:
        parts = text.split(".")
        real = "jwt: HMAC verification failed" if len(parts) == 3 and all(parts[:2]) else "jwt: malformed token"
        raise BadToken("unexpected end of JSON input" if text == ".." else real) from err
    expires = found.get("exp")
    for name in ("iat", "exp", "nbf"):
        value = found.get(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise BadToken(f"jwt: the claim {name} is not a whole number")
    if not isinstance(expires, int) or time.time() >= expires + 1:
        raise TokenProblem(EXPIRED)
    return found


def console_token(tokens: Tokens, secret: str, text: str) -> ConsoleToken:
    """A token for a console, checked in the wire's order; the server it is for is compared by the caller.

    Raises:
        TokenProblem: the reason, in the words clients look for.
    """
    found = read_token(secret, text)
    permissions, user = found.get("permissions"), found.get("user_uuid")
    if permissions is not None and not (isinstance(permissions, list) and all(isinstance(p, str) for p in permissions)):
        raise BadToken("jwt: the claim permissions is not a list of texts")
    if user is not None and not isinstance(user, str):
        raise BadToken("jwt: the claim user_uuid is not a text")
    token = ConsoleToken(found)
    recheck(tokens, token)
    return token


def recheck(tokens: Tokens, token: ConsoleToken) -> None:
    """Whether an accepted token still holds.

    Raises:
        TokenProblem: it expired, was denied, or lost the permission to connect.
    """
    if time.time() >= token.expires + 1:
        raise TokenProblem(EXPIRED)
    tokens.check_age(token.claims)
    scope = token.claims.get("scope")
    if not token.allows("websocket.connect") or (isinstance(scope, str) and "websocket" not in scope.split()):
        raise TokenProblem(NO_PERMISSION)

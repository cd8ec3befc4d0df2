"""Signed tokens: what is accepted, what is refused, and the wire's exact form."""

import base64
import json
from typing import Any

import pytest

from rookery.protocol import claims
from rookery.protocol.problems import Denied

SECRET = "s" * 64


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, body, _ = token.split(".")
    header_json, body_json = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in (header, body))
    return header_json, body_json


def minted(**changes: Any) -> str:
    body = {"server_uuid": "8d0f0b4e-3f7e-4a8f-9a2f-0d8f5a1b2c3d"} | changes
    return claims.mint(
        SECRET,
        body,
        issuer="https://panel.example.com",
        audience="https://node.example.com:8080",
        lifetime=600,
        identifier="0125c85aff1e8b76292eb43b508571af",
        now=1_714_557_600.7,
    )


def test_a_token_has_the_shape_nodes_expect() -> None:
    header, body = parts(minted())
    assert header == {"typ": "JWT", "alg": "HS256", "jti": "0125c85aff1e8b76292eb43b508571af"}
    assert len(body.pop("unique_id")) == 16
    assert body == {
        "iss": "https://panel.example.com",
        "aud": ["https://node.example.com:8080"],
        "jti": "0125c85aff1e8b76292eb43b508571af",
        "iat": 1_714_557_600,
        "nbf": 1_714_557_300,
        "exp": 1_714_558_200,
        "server_uuid": "8d0f0b4e-3f7e-4a8f-9a2f-0d8f5a1b2c3d",
    }


def test_a_subject_is_repeated_in_the_header() -> None:
    header, body = parts(minted(sub="abc"))
    assert header["sub"] == body["sub"] == "abc"


def test_the_identifier_is_the_wires_hash_of_user_and_server() -> None:
    found = claims.user_server_identifier(4, "8d0f0b4e-3f7e-4a8f-9a2f-0d8f5a1b2c3d")
    assert found == "0125c85aff1e8b76292eb43b508571af"


def test_a_token_is_good_until_its_last_second() -> None:
    token = minted()
    assert claims.verify(SECRET, token, now=1_714_558_200)["jti"] == "0125c85aff1e8b76292eb43b508571af"
    with pytest.raises(Denied, match="expired"):
        claims.verify(SECRET, token, now=1_714_558_201)


def test_a_token_under_another_secret_is_refused() -> None:
    with pytest.raises(Denied):
        claims.verify("t" * 64, minted(), now=1_714_557_601)


def unsigned(algorithm: str) -> str:
    header = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "typ": "JWT"}).encode()).rstrip(b"=").decode()
    return f"{header}.{minted().split('.')[1]}."


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "...", unsigned("none"), unsigned("HS256"), unsigned("RS256")])
def test_what_is_no_signed_token_is_refused(token: str) -> None:
    with pytest.raises(Denied):
        claims.verify(SECRET, token, now=1_714_557_601)

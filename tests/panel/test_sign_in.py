"""Signing in, out, and what keeps strangers out."""

import pyotp
import pytest
from tests.panel.conftest import PASSWORD, Browser, Site

from rookery.panel.accounts.models import Session, User

pytestmark = pytest.mark.anyio


async def test_a_user_signs_in_by_name_or_address_in_any_case(site: Site) -> None:
    for name in ("alice", "ALICE", "alice@example.com"):
        async with Browser(site) as browser:
            answer = await browser.sign_in(name)
            assert answer.status == 200
            assert answer.json["data"]["complete"] is True
            assert answer.json["data"]["user"]["username"] == "alice"
            assert "password" not in answer.text
            assert (await browser.call("GET", "/api/client/account")).json["attributes"]["username"] == "alice"


async def test_the_fifth_wrong_password_locks_even_the_right_one_out(site: Site) -> None:
    async with Browser(site) as browser:
        for _ in range(5):
            wrong = await browser.sign_in("alice", "wrong")
            assert (wrong.status, wrong.codes[0][0]) == (400, "DisplayException")
        locked = await browser.sign_in("alice")
        assert locked.status == 429
        assert locked.codes == [("ValidationException", "email", "")]


async def test_an_unknown_name_and_a_wrong_password_answer_alike(site: Site) -> None:
    async with Browser(site) as browser:
        unknown, wrong = await browser.sign_in("nobody"), await browser.sign_in("alice", "wrong")
        assert unknown.text == wrong.text


async def test_a_form_without_the_token_is_refused(site: Site) -> None:
    async with Browser(site) as browser:
        answer = await browser.call("POST", "/auth/login", {"user": "alice", "password": PASSWORD}, token=False)
        assert (answer.status, answer.codes[0][0]) == (419, "HttpException")


async def test_a_session_gets_a_fresh_cookie_at_sign_in(site: Site) -> None:
    async with Browser(site) as browser:
        before = {cookie.key: cookie.value for cookie in browser.http.cookie_jar}["pterodactyl_session"]
        await browser.sign_in("alice")
        after = {cookie.key: cookie.value for cookie in browser.http.cookie_jar}["pterodactyl_session"]
        assert before != after
        assert after not in {row.id for row in await rows_of_sessions(site)}


async def rows_of_sessions(site: Site) -> list[Session]:
    from sqlalchemy import select

    async with site.panel.sessions() as session:
        return list(await session.scalars(select(Session)))


async def test_signing_out_ends_the_session(site: Site) -> None:
    async with Browser(site) as browser:
        await browser.sign_in("alice")
        assert (await browser.call("POST", "/auth/logout", {})).status == 204
        assert (await browser.call("GET", "/api/client/account")).status == 401


async def test_a_new_password_ends_all_other_sessions(site: Site) -> None:
    async with Browser(site) as here, Browser(site) as elsewhere:
        await here.sign_in("alice")
        await elsewhere.sign_in("alice")
        body = {"current_password": PASSWORD, "password": "another one", "password_confirmation": "another one"}
        assert (await here.call("PUT", "/api/client/account/password", body)).status == 204
        assert (await here.call("GET", "/api/client/account")).status == 200
        assert (await elsewhere.call("GET", "/api/client/account")).status == 401


async def test_a_second_factor_is_asked_for_and_recovery_codes_work_once(site: Site) -> None:
    key = site.ids["alice_key"]
    secret = (await site.call("GET", "/api/client/account/two-factor", key=key)).json["data"]["secret"]
    body = {"code": pyotp.TOTP(secret).now(), "password": PASSWORD}
    tokens = (await site.call("POST", "/api/client/account/two-factor", body, key=key)).json["attributes"]["tokens"]
    assert len(tokens) == 10
    async with Browser(site) as browser:
        step = (await browser.sign_in("alice")).json["data"]
        assert step["complete"] is False
        assert (await browser.call("GET", "/api/client/account")).status == 401
        wrong = {"confirmation_token": step["confirmation_token"], "authentication_code": "000000"}
        assert (await browser.call("POST", "/auth/login/checkpoint", wrong)).status == 400
        good = wrong | {"authentication_code": pyotp.TOTP(secret).now()}
        answer = await browser.call("POST", "/auth/login/checkpoint", good)
        assert (answer.status, answer.json["data"]["complete"]) == (200, True)
    for expected in (200, 400):
        async with Browser(site) as browser:
            step = (await browser.sign_in("alice")).json["data"]
            body = {"confirmation_token": step["confirmation_token"], "recovery_token": tokens[0]}
            assert (await browser.call("POST", "/auth/login/checkpoint", body)).status == expected


async def test_a_forgotten_password_is_reset_by_a_mailed_link(site: Site) -> None:
    async with Browser(site) as browser:
        known = await browser.call("POST", "/auth/password", {"email": "alice@example.com"})
        unknown = await browser.call("POST", "/auth/password", {"email": "nobody@example.com"})
        assert known.text == unknown.text
        wrong = {
            "token": "x",
            "email": "alice@example.com",
            "password": "new password",
            "password_confirmation": "new password",
        }
        assert (await browser.call("POST", "/auth/password/reset", wrong)).status == 400


async def test_passwords_and_secrets_are_not_stored_in_clear(site: Site) -> None:
    user: User = next(row for row in await site.rows(User) if row.username == "alice")
    assert user.password.startswith("$2y$")
    from sqlalchemy import text

    async with site.panel.sessions() as session:
        stored = (await session.execute(text("SELECT token FROM api_keys"))).scalars().all()
    assert all(site.ids["alice_key"][16:] not in token for token in stored)

"""A session that has ended is refused by every service, whoever ended it and whatever was away."""

import asyncio
import os
import sys

from tests.e2e.conftest import Shop, bearer
from tests.e2e.identities import PASSWORD, new_session, refused_everywhere


async def test_a_logout_is_heard_of_everywhere(shop: Shop) -> None:
    session = await new_session(shop)

    answer = await shop.http.post("/api/auth/logout", json={"refreshToken": session["refreshToken"]})

    assert (answer.status_code, answer.json()) == (200, {})
    await refused_everywhere(shop, session["accessToken"])
    again = await shop.http.post("/api/auth/refresh", json={"refreshToken": session["refreshToken"]})
    assert (again.status_code, again.json()["reason"]) == (401, "INVALID_REFRESH_TOKEN")


async def test_a_logout_while_redis_is_away_is_heard_of_when_it_is_back(shop: Shop) -> None:
    session = await new_session(shop)
    await shop.stack.stop("redis")
    try:
        answer = await shop.http.post("/api/auth/logout", json={"refreshToken": session["refreshToken"]})
        assert answer.status_code == 200, answer.text
    finally:
        await shop.stack.start("redis")

    await refused_everywhere(shop, session["accessToken"])


async def test_a_new_password_ends_the_other_sessions_and_not_the_one_that_asks(shop: Shop) -> None:
    mine = await new_session(shop)
    other = await shop.log_in(mine["email"], PASSWORD)
    passwords = {"oldPassword": PASSWORD, "newPassword": f"{PASSWORD} indeed"}

    answer = await shop.http.post("/api/auth/password", json=passwords, headers=bearer(mine["accessToken"]))

    assert (answer.status_code, answer.json()) == (200, {})
    await refused_everywhere(shop, other)
    assert (await shop.http.get("/api/auth/me", headers=bearer(mine["accessToken"]))).status_code == 200
    assert await shop.log_in(mine["email"], f"{PASSWORD} indeed")


async def test_a_role_that_the_operator_gives_ends_the_sessions_too(shop: Shop) -> None:
    session = await new_session(shop)

    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.auth", "grant-role", session["email"], "admin"),
        env={**os.environ, "MONGO_URI": shop.stack.environment["MONGO_URI"]},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await command.communicate()

    assert out.decode() == f"{session['email']} is admin\n"
    await refused_everywhere(shop, session["accessToken"])
    admin = await shop.log_in(session["email"], PASSWORD)
    assert (await shop.http.get("/api/notifications", headers=bearer(admin))).status_code == 200

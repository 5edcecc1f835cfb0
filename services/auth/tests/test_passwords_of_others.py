"""Passwords that another system hashed."""

from time import process_time

import pytest

from services.auth.passwords import Passwords
from services.auth.tests import node_hashes as node

OURS = "$argon2id$v=19$m=19456,t=2,p=1$"


@pytest.mark.parametrize("theirs", node.OF_HORSE)
async def test_it_is_proved_and_replaced_by_a_hash_of_ours(passwords: Passwords, theirs: str) -> None:
    wrong = await passwords.verify("a guess", theirs)
    right = await passwords.verify(node.HORSE, theirs)

    assert (wrong.matches, wrong.new_hash) == (False, None)
    assert right.matches
    assert right.new_hash is not None
    assert right.new_hash.startswith(OURS)
    again = await passwords.verify(node.HORSE, right.new_hash)
    assert (again.matches, again.new_hash) == (True, None)


@pytest.mark.parametrize("theirs", [node.LONG_BCRYPTJS, node.LONG_BCRYPT])
async def test_bcrypt_looked_at_72_bytes_and_ours_looks_at_all(passwords: Passwords, theirs: str) -> None:
    otherwise = node.LONG.replace("tail", "end")
    first, as_good = await passwords.verify(node.LONG, theirs), await passwords.verify(otherwise, theirs)

    assert (first.matches, as_good.matches) == (True, True)
    assert not (await passwords.verify(otherwise, first.new_hash)).matches
    assert not (await passwords.verify(node.LONG[:23], theirs)).matches


@pytest.mark.parametrize("theirs", [node.DECOMPOSED_BCRYPTJS, node.DECOMPOSED_ARGON2ID])
async def test_what_they_hashed_as_it_was_typed_is_compared_as_it_is_typed(passwords: Passwords, theirs: str) -> None:
    composed = "caf\u00e9 noir"
    as_typed = await passwords.verify(node.DECOMPOSED, theirs)

    assert as_typed.matches
    assert not (await passwords.verify(composed, theirs)).matches
    assert (await passwords.verify(composed, as_typed.new_hash)).matches, "ours is of the prepared text"
    assert (await passwords.verify(node.DECOMPOSED, as_typed.new_hash)).matches


async def test_a_nul_character_does_not_end_a_password_of_theirs(passwords: Passwords) -> None:
    right = await passwords.verify(node.NUL, node.NUL_BCRYPTJS)
    wrong = await passwords.verify("correct\0mule", node.NUL_BCRYPTJS)

    assert (right.matches, wrong.matches) == (True, False)


@pytest.mark.parametrize("unusable", ["5f4dcc3b5aa765d61d8327deb882cf99", "", node.BCRYPTJS.replace("$04$", "$31$")])
async def test_a_hash_that_cannot_be_checked_is_nobodys_password_and_as_much_work(
    passwords: Passwords, unusable: str
) -> None:
    begun = process_time()
    await passwords.verify("a guess", None)
    usual = process_time() - begun

    begun = process_time()
    verdict = await passwords.verify("a guess", unusable)
    taken = process_time() - begun

    assert (verdict.matches, verdict.new_hash) == (False, None)
    assert verdict.fault is not None
    assert 0.3 < taken / usual < 3


async def test_a_text_that_is_composed_otherwise_is_as_much_work_for_nobody_as_for_somebody(
    passwords: Passwords,
) -> None:
    password_hash = await passwords.hash("correct horse")
    begun = process_time()
    await passwords.verify(node.DECOMPOSED, password_hash)
    somebody = process_time() - begun

    begun = process_time()
    await passwords.verify(node.DECOMPOSED, None)
    nobody = process_time() - begun

    assert 0.3 < nobody / somebody < 3

"""Which hashes are known, and what they may cost."""

from contextlib import suppress

import pytest
from passlib.hash import argon2

from services.auth.password_hashes import UnusableHash, read_hash
from services.auth.tests import node_hashes as node

BCRYPT_TAIL = "BQOXn4znB/l/QK0WNV9QP.KUjbLNKxmd4axvLYWEImxm.5amNb3hm"
SALT, DIGEST = "k6u2EiGrs7pwlN/sZnfdAw", "UbMILNAyjEtMUQvab6Dkv+i++Fda6uKGwFbY2oFu4HM"


def argon2_hash(parameters: str, *, variant: str = "id", salt: str = SALT, digest: str = DIGEST) -> str:
    return f"$argon2{variant}${parameters}${salt}${digest}"


@pytest.mark.parametrize("text", [node.BCRYPTJS, node.BCRYPT, *(f"$2{minor}$04${BCRYPT_TAIL}" for minor in "aby")])
def test_bcrypt_is_known(text: str) -> None:
    assert read_hash(text).is_bcrypt


@pytest.mark.parametrize("text", [node.ARGON2ID, node.ARGON2I, node.ARGON2D, node.ARGON2_OLD_VERSION])
def test_the_argon2_of_node_is_known_though_its_parameters_stand_in_another_order(text: str) -> None:
    with pytest.raises(ValueError, match="malformed"):
        argon2.verify(node.HORSE, text)

    assert argon2.verify(node.HORSE, read_hash(text).text)


def test_argon2_that_does_not_say_its_version_is_of_the_first() -> None:
    unsaid = node.ARGON2_OLD_VERSION.replace("v=16$", "")

    assert read_hash(unsaid) == read_hash(node.ARGON2_OLD_VERSION)


@pytest.mark.parametrize(
    "text",
    [
        f"$2b$15${BCRYPT_TAIL}",
        argon2_hash("v=19$m=131072,t=10,p=16"),
        argon2_hash("v=19$m=128,t=1,p=16"),
        argon2_hash("v=19$m=8,t=1,p=1", salt="A" * 11, digest="A" * 22),
        argon2_hash("v=19$m=8,t=1,p=1", salt="A" * 86, digest="A" * 171),
    ],
)
def test_what_costs_as_much_as_it_may_is_taken(text: str) -> None:
    assert read_hash(text).text == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"$2b$16${BCRYPT_TAIL}", "bcrypt of cost 16: 4 to 15"),
        (f"$2b$03${BCRYPT_TAIL}", "bcrypt of cost 3"),
        (argon2_hash("v=19$m=131073,t=1,p=1"), "131073 KiB: at most 131072"),
        (argon2_hash("v=19$m=9999999999,t=1,p=1"), "9999999999 KiB"),
        (argon2_hash("v=19$m=1024,t=11,p=1"), "11 rounds: 1 to 10"),
        (argon2_hash("v=19$m=1024,t=0,p=1"), "0 rounds"),
        (argon2_hash("v=19$m=1024,t=1,p=17"), "17 lanes: 1 to 16"),
        (argon2_hash("v=19$m=1024,t=1,p=0"), "0 lanes"),
        (argon2_hash("v=19$m=127,t=1,p=16"), "less memory than its lanes need"),
        (argon2_hash("v=19$m=1024,t=1,t=1"), "a parameter twice"),
        (argon2_hash("v=19$m=1024,t=1,p=1", salt="A" * 10), "salt"),
        (argon2_hash("v=19$m=1024,t=1,p=1", salt="A" * 87), "salt"),
        (argon2_hash("v=19$m=1024,t=1,p=1", salt="A" * 13), "salt"),
        (argon2_hash("v=19$m=1024,t=1,p=1", salt="A" * 21 + "B"), "salt"),
        (argon2_hash("v=19$m=1024,t=1,p=1", digest="A" * 20), "digest"),
        (argon2_hash("v=19$m=1024,t=1,p=1", digest="A" * 172), "digest"),
    ],
)
def test_what_would_cost_too_much_or_prove_too_little_is_refused(text: str, why: str) -> None:
    with pytest.raises(UnusableHash, match=why):
        read_hash(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "correct horse",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "$1$salt$qJH7.N4xYta3aEG/dfqo/0",
        "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
        f"$2x$04${BCRYPT_TAIL}",
        f"$2b$4$0{BCRYPT_TAIL}",
        f"$2b$\u0660\u0664${BCRYPT_TAIL}",
        f"$2b$04${BCRYPT_TAIL}\n",
        f"$2b$04${BCRYPT_TAIL[:-1]}",
        f"$2b$04${BCRYPT_TAIL[:-1]}n",
        f"$2b$04${BCRYPT_TAIL[:21]}/{BCRYPT_TAIL[22:]}",
        node.ARGON2_WITH_DATA,
        argon2_hash("v=18$m=1024,t=1,p=1"),
        argon2_hash("v=19$m=1024,t=1"),
        argon2_hash("v=19$m=1024,t=1,p=1,keyid=AAAA"),
        argon2_hash("v=19$m=1024,t=1,p=1", variant="x"),
        f"{node.ARGON2ID}\n",
    ],
)
def test_what_is_neither_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(UnusableHash, match=r"no form that is known: bcrypt .* or argon2") as caught:
        read_hash(text)

    assert not text or text not in str(caught.value)


def test_no_hash_shows_itself() -> None:
    assert node.BCRYPTJS not in repr(read_hash(node.BCRYPTJS))


@pytest.mark.parametrize("part", ["salt", "digest"])
def test_whatever_is_taken_can_be_checked(part: str) -> None:
    """The library has errors of its own for what it cannot decode."""
    taken = []
    for length in range(1, 90):
        with suppress(UnusableHash):
            taken.append(read_hash(argon2_hash("v=19$m=8,t=1,p=1", **{part: "A" * length})))

    assert len(taken) > 40
    assert {argon2.verify("a guess", known.text) for known in taken} == {False}

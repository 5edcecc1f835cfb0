"""One secret, one key, the same in every replica."""

from chassis.config import Secret
from services.auth.keys import KeyRing, LocalKeys, SigningKey, thumbprint

SECRET = Secret("0123456789abcdef0123456789abcdef")
NEXT = Secret("the secret of the coming quarter, long enough")
PREVIOUS = Secret("the secret of the quarter that is over, too")


def test_the_key_of_a_secret_never_changes() -> None:
    key = SigningKey.derive(SECRET)

    assert (key.key_id, key.x) == (
        "lG4QQCdLJvo1xmtQyMA0mRbKDrMzvNp8C-9CRA4YEqI",
        "AJTAK7-ADE_h7L1ElltJHd0-cBx1WAzk9A3Rb2bAjbs",
    )


def test_the_key_id_is_the_thumbprint_of_the_rfc() -> None:
    x_of_rfc_8037_appendix_a = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

    assert thumbprint(x_of_rfc_8037_appendix_a) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_another_secret_gives_another_key() -> None:
    assert SigningKey.derive(SECRET).key_id != SigningKey.derive(NEXT).key_id


async def test_the_next_and_the_previous_key_are_published_and_do_not_sign() -> None:
    ring = KeyRing.derive(SECRET, NEXT, PREVIOUS)
    keys = LocalKeys(ring)

    published = [key.key_id for key in ring.published]

    assert published == [SigningKey.derive(secret).key_id for secret in (SECRET, NEXT, PREVIOUS)]
    assert ring.current.key_id == published[0]
    assert all([await keys.key(key_id) for key_id in published])
    assert await keys.key("some other key") is None


def test_a_secret_that_is_given_twice_is_one_key() -> None:
    ring = KeyRing.derive(SECRET, SECRET)

    assert len(ring.published) == 1


def test_a_key_does_not_show_its_private_half() -> None:
    assert "private" not in repr(SigningKey.derive(SECRET))

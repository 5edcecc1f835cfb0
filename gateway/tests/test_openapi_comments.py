import pytest

from gateway.openapi.comments import first_sentence
from gateway.openapi.reasons import MalformedErrors, Reason, read_reasons


def test_the_errors_of_a_comment_are_read() -> None:
    comment = (
        "Adds.\n\nErrors: NOT_FOUND `ITEM_NOT_FOUND`; FAILED_PRECONDITION `OUT_OF_STOCK`, the metadata\n"
        "names each; RESOURCE_EXHAUSTED `OVERLOADED` when busy, or `RATE_LIMITED` after too many tries;\n"
        "UNAUTHENTICATED `TOKEN_EXPIRED` or `TOKEN_REVOKED` meanwhile.\n"
        "Not idempotent: it adds again."
    )

    reasons, rest = read_reasons("Add", comment)

    assert reasons == [
        Reason("NOT_FOUND", "ITEM_NOT_FOUND", "", 404),
        Reason("FAILED_PRECONDITION", "OUT_OF_STOCK", "the metadata names each", 409),
        Reason("RESOURCE_EXHAUSTED", "OVERLOADED", "when busy", 429),
        Reason("RESOURCE_EXHAUSTED", "RATE_LIMITED", "after too many tries", 429),
        Reason("UNAUTHENTICATED", "TOKEN_EXPIRED", "", 401),
        Reason("UNAUTHENTICATED", "TOKEN_REVOKED", "meanwhile", 401),
    ]
    assert rest == "Adds.\n\nNot idempotent: it adds again."


def test_a_code_alone_names_no_reason() -> None:
    assert read_reasons("Get", "Gets. Errors: UNAVAILABLE when inventory is.") == ([], "Gets.")


def test_a_comment_without_errors_has_none() -> None:
    assert read_reasons("Get", "Gets.\n\nIdempotent: it changes nothing.")[0] == []


@pytest.mark.parametrize(
    "comment",
    [
        "Errors: NOT_THERE `ORDER_NOT_FOUND`.",
        "Errors: `ORDER_NOT_FOUND`.",
        "Errors: NOT_FOUND `ORDER_NOT_FOUND`; and others.",
        "Error: NOT_FOUND `ORDER_NOT_FOUND`.",
        "Idempotent. NOT_FOUND, `ORDER_NOT_FOUND` when there is none.",
    ],
)
def test_errors_that_cannot_be_read_stop_the_start_and_name_the_method(comment: str) -> None:
    with pytest.raises(MalformedErrors, match=r"orders\.Get: "):
        read_reasons("orders.Get", comment)


@pytest.mark.parametrize(
    ("text", "first", "rest"),
    [
        ("One. Two.", "One.", "Two."),
        ("One goes\non.\n\nTwo.", "One goes on.", "Two."),
        ("Version 1.2 is out. Good.", "Version 1.2 is out.", "Good."),
        ("No end", "No end", ""),
        ("", "", ""),
    ],
)
def test_the_first_sentence_is_the_summary(text: str, first: str, rest: str) -> None:
    assert first_sentence(text) == (first, rest)

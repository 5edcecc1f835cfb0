"""E-mail addresses in one form, so that one mailbox is one account."""

import re

import email_validator

EMAIL_LENGTH_MAX = 254

_REPEATED = re.compile(r"(: | \().*$", re.DOTALL)

# The library refuses these two; its documented switch is this list. They are what development and
# closed networks use, and whether mail arrives there is for the mail server to say.
for _name in ("local", "test"):
    if _name in email_validator.SPECIAL_USE_DOMAIN_NAMES:
        email_validator.SPECIAL_USE_DOMAIN_NAMES.remove(_name)


class NotAnAddress(ValueError):
    """The text is not an e-mail address. The message says why."""


def normalise(text: str) -> str:
    """The address in lower case, its domain in ASCII (IDNA): the form that mail can be sent to.

    The part before the @ must be ASCII: SES does not speak SMTPUTF8.

    :raises NotAnAddress: when ``text`` is empty, too long or not an address.
    """
    if not text:
        raise NotAnAddress("is missing")
    if len(text) > EMAIL_LENGTH_MAX:
        raise NotAnAddress(f"must have at most {EMAIL_LENGTH_MAX} characters")
    try:
        address = email_validator.validate_email(text, allow_smtputf8=False, check_deliverability=False)
    except email_validator.EmailNotValidError as error:
        raise NotAnAddress(f"is not an e-mail address: {_without_the_text(str(error))}") from error
    assert address.ascii_email is not None, "an ASCII mailbox has an ASCII form"
    return address.ascii_email.lower()


def _without_the_text(reason: str) -> str:
    """The library's sentence without what it repeats of the text, behind a colon or in brackets.

    People type passwords into the wrong field, and errors end up in logs of clients.
    """
    return _REPEATED.sub("", reason)

"""Differences in what HTTP is: methods, headers, paths, errors."""

import re
from urllib.parse import unquote

from tests.transcoding.comparison import same
from tests.transcoding.difference import Difference, only_envoy_refuses, only_we_refuse, path, tries
from tests.transcoding.errors import is_same_error, is_without_details

HTTP = (
    Difference(
        "A method with the option `created` answers 201 with `Location`.",
        "200.",
        "Whoever creates something is told where it is (RFC 9110, section 15.3.2).",
        lambda r: (
            (r.ours.status, r.envoys.status) == (201, 200)
            and "location" in r.ours.headers
            and r.ours.call == r.envoys.call
            and same(r.ours.value, r.envoys.value)
        ),
    ),
    Difference(
        "Another verb on a path that exists is answered with 405 and `Allow`.",
        "404.",
        "RFC 9110, section 15.5.6: the path is right, and the client is told what it can do there.",
        lambda r: (r.ours.status, r.envoys.status) == (405, 404) and "allow" in r.ours.headers,
    ),
    Difference(
        "`OPTIONS` answers 204 with `Allow`.",
        "404.",
        "RFC 9110, section 9.3.7.",
        lambda r: r.case.verb == "OPTIONS" and (r.ours.status, r.envoys.status) == (204, 404),
    ),
    Difference(
        "`HEAD` is answered like `GET`, without the body.",
        "404.",
        "RFC 9110, section 9.1: a server supports both.",
        lambda r: r.case.verb == "HEAD" and (r.ours.status, r.envoys.status, r.ours.value) == (200, 404, ""),
    ),
    Difference(
        "A body must say that it is `application/json`, in UTF-8: else 415.",
        "Any body is read as JSON.",
        "A form that a browser posts to us from another site is never JSON by accident.",
        lambda r: tries(r, "content type", "no content type") and (r.ours.status, r.envoys.status) == (415, 200),
    ),
    Difference(
        "A client that takes no JSON is answered with 406.",
        "It gets JSON.",
        "RFC 9110, section 12.5.1.",
        lambda r: tries(r, "accept") and (r.ours.status, r.envoys.status) == (406, 200),
    ),
    Difference(
        "The body of a `GET` is not looked at.",
        "It must be JSON.",
        "It has no meaning (RFC 9110, section 9.3.1).",
        lambda r: r.case.verb == "GET" and r.case.body is not None and only_envoy_refuses(r),
    ),
)

PATHS = (
    Difference(
        "A `%` without two hexadecimal digits behind it is refused, in the query too.",
        "It is taken as it is.",
        "RFC 3986, section 2.1: it is no URL, and others would read it differently.",
        lambda r: (
            only_we_refuse(r, "must be percent-encoded UTF-8")
            and re.search("%(?![0-9A-Fa-f]{2})", r.case.target) is not None
        ),
    ),
    Difference(
        "`/orders/` is another path than `/orders`, and no variable is empty: 404.",
        "Slashes at the end are dropped, and a variable may be empty.",
        "One thing has one URL. A client whose id is empty by mistake asks for no other thing than it meant.",
        lambda r: (r.ours.status, r.envoys.status) == (404, 200) and "" in path(r)[1:].split("/"),
    ),
    Difference(
        "Literal segments are compared after percent-decoding.",
        "As they are sent: an encoded letter is not found, or taken for a variable.",
        "RFC 3986, section 6.2.2.2: `%61` and `a` are the same URL.",
        lambda r: (
            "%" in path(r)
            and unquote(path(r)) != path(r)
            and r.ours.call is not None
            and (r.envoys.status == 404 or (r.envoys.call is not None and r.envoys.call.method != r.ours.call.method))
        ),
    ),
)

ERRORS = (
    Difference(
        "Errors are problem documents (RFC 9457); fields are spelled as in JSON; `Retry-After` says how long.",
        "`google.rpc.Status` as JSON.",
        "What HTTP clients know. Code, message, reason, metadata and violations are the same, and compared.",
        lambda r: r.ours.status == r.envoys.status and is_same_error(r),
    ),
    Difference(
        "Some reasons have a better status than their code: `OUT_OF_STOCK` 409, `IDEMPOTENCY_KEY_REUSED` 422.",
        "400, the code's.",
        "HTTP has a word for them. All else of the error is the same.",
        lambda r: (r.ours.status, r.envoys.status) in {(409, 400), (422, 400)} and is_same_error(r),
    ),
    Difference(
        "The text of an error that no service wrote (without details) is replaced by our own words.",
        "It is passed on.",
        "gRPC's own texts name addresses of the mesh.",
        lambda r: r.ours.status == r.envoys.status and is_without_details(r),
    ),
)

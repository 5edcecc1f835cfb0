"""What is sent instead of a good request: a table of shapes, each over a socket of its own.

After each the client sends one more request: where it is not sure where the one before ended, the connection must be
closed, and nowhere may what was in a body or behind a head be answered as a request of its own.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from gateway.protocol import PIPELINED_REQUESTS_MAX
from gateway.tests.backend import exchange, listening
from gateway.tests.endpoints import Slow, gateway_of

H = b"host: x\r\n"
NEXT = b"GET /slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n"

MALFORMED, VERSION, CODING = "MALFORMED_REQUEST", "HTTP_VERSION_NOT_SUPPORTED", "TRANSFER_CODING_NOT_IMPLEMENTED"


@dataclass(frozen=True)
class Shape:
    """Bytes, the statuses of the answers, the reason of the last, and whether the connection is good for another."""

    sent: bytes
    statuses: tuple[int, ...]
    reason: str = ""
    goes_on: bool = False


def refused(sent: bytes, status: int = 400, reason: str = MALFORMED) -> Shape:
    return Shape(sent, (status,), reason)


def answered(sent: bytes, *statuses: int, reason: str = "") -> Shape:
    return Shape(sent, statuses, reason, goes_on=True)


def post(headers: bytes, body: bytes = b"{}", version: bytes = b"1.1") -> bytes:
    return b"POST /echo HTTP/" + version + b"\r\n" + H + headers + b"\r\n" + body


def chunked(body: bytes, headers: bytes = CHUNKED) -> bytes:
    return post(headers, body)


def get(target: bytes, headers: bytes = H, version: bytes = b"HTTP/1.1") -> bytes:
    return b"GET " + target + b" " + version + b"\r\n" + headers + b"\r\n"


GOOD_CHUNKS = b"2\r\n{}\r\n0\r\n\r\n"

SHAPES = {
    # Two ways to see where a body ends.
    "length and chunks": refused(chunked(b"0\r\n\r\n" + SMUGGLED, b"content-length: 5\r\n" + CHUNKED)),
    "chunks and length": refused(chunked(b"0\r\n\r\n" + SMUGGLED, CHUNKED + b"content-length: 5\r\n")),
    "two lengths": refused(post(b"content-length: 2\r\ncontent-length: 30\r\n", b"{}" + SMUGGLED)),
    "one length twice": refused(post(b"content-length: 2\r\ncontent-length: 2\r\n")),
    "a list of lengths": refused(post(b"content-length: 2, 2\r\n")),
    "a length with a sign": refused(post(b"content-length: +2\r\n")),
    "a negative length": refused(post(b"content-length: -2\r\n")),
    "a hexadecimal length": refused(post(b"content-length: 0x2\r\n")),
    "an empty length": refused(post(b"content-length: \r\n")),
    "a length in two parts": refused(post(b"content-length: 2 2\r\n")),
    "a length beyond 64 bits": refused(post(b"content-length: 18446744073709551618\r\n")),
    "identity": refused(post(b"transfer-encoding: identity\r\n"), 501, CODING),
    "xchunked": refused(chunked(GOOD_CHUNKS, b"transfer-encoding: xchunked\r\n"), 501, CODING),
    "gzip, then chunked": refused(chunked(GOOD_CHUNKS, b"transfer-encoding: gzip, chunked\r\n"), 501, CODING),
    "chunked, then identity": refused(chunked(GOOD_CHUNKS, b"transfer-encoding: chunked, identity\r\n")),
    "chunked twice": refused(chunked(GOOD_CHUNKS, CHUNKED + CHUNKED)),
    "chunked and identity": refused(chunked(GOOD_CHUNKS, CHUNKED + b"transfer-encoding: identity\r\n")),
    "chunked behind a control character": refused(chunked(GOOD_CHUNKS, b"transfer-encoding: \x0bchunked\r\n")),
    "chunked on the next line": refused(chunked(GOOD_CHUNKS, b"transfer-encoding:\r\n chunked\r\n")),
    "a space before the colon": refused(chunked(GOOD_CHUNKS, b"transfer-encoding : chunked\r\n")),
    "chunks in HTTP/1.0": refused(post(CHUNKED, GOOD_CHUNKS, b"1.0")),
    "a body without an end in HTTP/1.0": refused(post(b"", b"{}", b"1.0"), 411, "LENGTH_REQUIRED"),
    "chunked in capitals": answered(chunked(GOOD_CHUNKS, b"Transfer-Encoding: CHUNKED\r\n"), 200),
    # Chunks.
    "a chunk size with 0x": refused(chunked(b"0x2\r\n{}\r\n0\r\n\r\n")),
    "a negative chunk": refused(chunked(b"-2\r\n{}\r\n0\r\n\r\n")),
    "a chunk size with a space": refused(chunked(b"2 \r\n{}\r\n0\r\n\r\n")),
    "a chunk beyond 64 bits": refused(chunked(b"10000000000000002\r\n{}\r\n0\r\n\r\n")),
    "a chunk that is longer than it says": refused(chunked(b"2\r\n{}0\r\n\r\n")),
    "a chunk size that ends in a bare LF": refused(chunked(b"2\n{}\r\n0\r\n\r\n")),
    "an extension with a bare LF": refused(chunked(b"2;a\nb\r\n{}\r\n0\r\n\r\n")),
    "an extension": answered(chunked(b"2;a=b\r\n{}\r\n0\r\n\r\n"), 200),
    "trailers": answered(chunked(b"2\r\n{}\r\n0\r\nx-sum: 7\r\n\r\n"), 200),
    "a trailer that frames": refused(chunked(b"2\r\n{}\r\n0\r\ncontent-length: 37\r\n\r\n" + SMUGGLED)),
    "a trailer that frames in chunks": refused(chunked(b"2\r\n{}\r\n0\r\n" + CHUNKED + b"\r\n")),
    # Lines and headers.
    "a folded header": refused(get(b"/slow", H + b"x: a\r\n b\r\n")),
    "a folded first header": refused(get(b"/slow", b" x: a\r\n" + H)),
    "bare LF": refused(b"GET /slow HTTP/1.1\nhost: x\n\n"),
    "one bare LF": refused(get(b"/slow", b"host: x\ny: z\r\n")),
    "a bare CR": refused(get(b"/slow", b"host: x\ry: z\r\n")),
    "NUL in a value": refused(get(b"/slow", H + b"x: a\0b\r\n")),
    "NUL in a name": refused(get(b"/slow", H + b"x\0: a\r\n")),
    "a control character": refused(get(b"/slow", H + b"x: a\x01b\r\n")),
    "a header without a name": refused(get(b"/slow", H + b": a\r\n")),
    "a header without a colon": refused(get(b"/slow", H + b"x\r\n")),
    "no Host": refused(get(b"/slow", b"")),
    "two Hosts": refused(get(b"/slow", b"host: x\r\nhost: y\r\n")),
    "one Host twice": refused(get(b"/slow", H + H)),
    "a Host that is a path": refused(get(b"/slow", b"host: x/y\r\n")),
    "a Host with a user": refused(get(b"/slow", b"host: a@x\r\n")),
    "an empty Host": answered(get(b"/slow", b"host:\r\n"), 200),
    "an IPv6 Host": answered(get(b"/slow", b"host: [::1]:5000\r\n"), 200),
    "no Host in HTTP/1.0": Shape(get(b"/slow", b"", b"HTTP/1.0"), (200,)),
    # Request lines.
    "an unknown method": refused(b"FROB /slow HTTP/1.1\r\n" + H + b"\r\n", 501, "METHOD_NOT_IMPLEMENTED"),
    "a method in small letters": refused(b"get /slow HTTP/1.1\r\n" + H + b"\r\n", 501, "METHOD_NOT_IMPLEMENTED"),
    "TRACE": answered(b"TRACE /slow HTTP/1.1\r\n" + H + b"\r\n", 405, reason="METHOD_NOT_ALLOWED"),
    "an authority": refused(b"CONNECT x:443 HTTP/1.1\r\n" + H + b"\r\n"),
    "an authority for GET": refused(get(b"x:443")),
    "CONNECT to a path": Shape(b"CONNECT /slow HTTP/1.1\r\n" + H + b"\r\n" + SMUGGLED, (405,), "METHOD_NOT_ALLOWED"),
    "a whole URL": answered(get(b"http://other/slow"), 200),
    "a whole URL with a user": refused(get(b"http://a:b@x/slow")),
    "a whole URL of another scheme": refused(get(b"ftp://x/slow")),
    "a whole URL without a path": refused(get(b"http://x")),
    "* for GET": refused(get(b"*")),
    "* for OPTIONS": answered(b"OPTIONS * HTTP/1.1\r\n" + H + b"\r\n", 204),
    "a fragment": refused(get(b"/slow#x")),
    "a space in the path": refused(get(b"/sl ow")),
    "NUL in the path": refused(get(b"/sl\0ow")),
    "bytes that are no ASCII in the path": refused(get(b"/sl\xff")),
    "tabs": refused(b"GET\t/slow\tHTTP/1.1\r\n" + H + b"\r\n"),
    "HTTP/0.9": refused(b"GET /slow\r\n\r\n", 505, VERSION),
    "HTTP/1.2": refused(get(b"/slow", H, b"HTTP/1.2"), 505, VERSION),
    "HTTP/2.0": refused(get(b"/slow", H, b"HTTP/2.0"), 505, VERSION),
    "HTTP/11": refused(get(b"/slow", H, b"HTTP/11")),
    "http/1.1": refused(get(b"/slow", H, b"http/1.1")),
    "HTTP/2 without asking": refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 9, 505, VERSION),
    "TLS": refused(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 50),
    "empty lines first": answered(b"\r\n\r\n" + get(b"/slow"), 200),
    # Paths are texts between slashes: nothing is resolved, and nothing is another path's other name.
    "two slashes": answered(get(b"//slow"), 404, reason="PATH_NOT_FOUND"),
    "a host in the path": answered(get(b"//other/slow"), 404, reason="PATH_NOT_FOUND"),
    "dots": answered(get(b"/x/../slow"), 404, reason="PATH_NOT_FOUND"),
    "encoded dots": answered(get(b"/x/%2e%2e/slow"), 404, reason="PATH_NOT_FOUND"),
    "an encoded slash": answered(get(b"/x%2f..%2fslow"), 404, reason="PATH_NOT_FOUND"),
    "a backslash": answered(get(b"/x\\..\\slow"), 404, reason="PATH_NOT_FOUND"),
    "a parameter": answered(get(b"/slow;x=y"), 404, reason="PATH_NOT_FOUND"),
    "an encoded NUL": answered(get(b"/slow%00"), 404, reason="PATH_NOT_FOUND"),
    "overlong UTF-8": answered(get(b"/%c0%afslow"), 400, reason="INVALID_REQUEST"),
    "half an escape": answered(get(b"/slow%2"), 400, reason="INVALID_REQUEST"),
    # What a request asks of the connection.
    "HTTP/2 by Upgrade": Shape(get(b"/slow", H + b"connection: upgrade\r\nupgrade: h2c\r\n") + SMUGGLED, (200,)),
    "Upgrade with a body": Shape(
        post(b"connection: upgrade\r\nupgrade: h2c\r\ncontent-length: 2\r\n") + SMUGGLED, (200,)
    ),
    "another expectation": refused(post(b"expect: 200-ok\r\ncontent-length: 2\r\n"), 417, "EXPECTATION_FAILED"),
    "a body that waits and is too large": refused(
        post(b"expect: 100-continue\r\ncontent-length: 2000000\r\n", b""), 413, "BODY_TOO_LARGE"
    ),
    "a body that waits for a path that is not there": refused(
        b"POST /nowhere HTTP/1.1\r\n" + H + b"expect: 100-continue\r\ncontent-length: 2\r\n\r\n", 404, "PATH_NOT_FOUND"
    ),
    "a body that waits": answered(post(b"expect: 100-continue\r\ncontent-length: 2\r\n"), 100, 200),
    "a body that waits in HTTP/1.0": Shape(
        post(b"expect: 100-continue\r\ncontent-length: 2\r\n", b"{}", b"1.0"), (200,)
    ),
    "a body for HEAD": answered(
        b"HEAD /slow HTTP/1.1\r\n" + H + b"content-length: 37\r\n\r\n" + SMUGGLED.ljust(37), 200
    ),
    "a body for GET": answered(get(b"/slow", H + b"content-length: 37\r\n") + SMUGGLED.ljust(37), 200),
    "a body that is too large": answered(
        post(b"content-length: 300000\r\n", (SMUGGLED * 8000).ljust(300_000)), 413, reason="BODY_TOO_LARGE"
    ),
    "requests in a row": answered(get(b"/slow") * 3, 200, 200, 200),
    "a request behind the last": Shape(get(b"/slow", H + b"connection: close\r\n") + SMUGGLED, (200,)),
}


@pytest.fixture(scope="module")
async def gateway_url() -> AsyncIterator[str]:
    slow = Slow()
    slow.go_on.set()
    async with listening(gateway_of(slow)) as url:
        yield url


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
async def test_every_shape_gets_its_answer_and_nothing_hides_in_it(gateway_url: str, shape: Shape) -> None:
    answer = await exchange(gateway_url, shape.sent + NEXT)

    statuses = tuple(int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", answer))
    assert statuses == (*shape.statuses, *((200,) if shape.goes_on else ()))
    reasons = re.findall(rb'"reason":"([A-Z_]+)"', answer)
    assert reasons == ([shape.reason.encode()] if shape.reason else [])
    if shape.reason:
        assert b"\r\ncontent-type: application/problem+json\r\n" in answer
        assert (b"\r\nconnection: close\r\n" in answer.partition(b"\r\n\r\n")[0] + b"\r\n") != shape.goes_on


async def test_a_refusal_of_the_protocol_has_the_headers_of_every_answer(gateway_url: str) -> None:
    refusal = await exchange(gateway_url, SHAPES["NUL in a value"].sent)
    answer = await exchange(gateway_url, NEXT)

    for name in (b"x-content-type-options", b"content-security-policy", b"cross-origin-resource-policy"):
        line = re.compile(rb"\r\n" + name + rb": [^\r]+\r\n")
        assert line.findall(refusal) == line.findall(answer) != []


async def test_more_requests_in_a_row_than_wait_are_not_taken(gateway_url: str) -> None:
    answer = await exchange(gateway_url, get(b"/slow") * (PIPELINED_REQUESTS_MAX + 10))

    assert answer.count(b"HTTP/1.1 200 ") == answer.count(b"HTTP/1.1 ") == 1 + PIPELINED_REQUESTS_MAX

"""Cases that no descriptor would think of."""

from collections.abc import Iterator

from tests.transcoding.cases import JSON, Case, with_json

SEGMENTS = [
    *("a", "a%20b", "a%2Fb", "a%2fb", "a%2Fb%2Fc", "%2F", "%C3%A4", "%F0%9F%98%80", "a+b", "a%2Bb", "%25", "%2525"),
    *("a%3Fb", "a%23b", "a%5Bb%5D", "%61", "~", "(a)", "!$'()*", "a,b", "a=b", "@a", "a;b=c", "a%3Bb", "a&b"),
    *(".", "..", "%2E%2E", "...", "a.b", "a:b", "a%3Ab", ":a", "a:", "%22a%22", "%5C", "%7B", "{record_id}", "*"),
    *("%00", "a%0Ab", "%0D%0A", "%7F", "%ff", "%C3", "%ED%A0%80", "%", "%2", "%zz", "a%", "%u0061"),
    "x" * 4_000,
]

QUERIES = [
    *("&", "&&lent=true&&", "lent", "=", "=a", "lent=true&", "lent==true", "recordId=a&recordId=b", "?lent=true"),
    *("recordId=a&record_id=b", "tags=a&tags=b&tags=a", "tags=a,b", "tags[]=a", "tags[0]=a", "tags=", "tags"),
    *("loans=1&loans=2", "loans=1&loans=x", "kinds=NOVEL&kinds=2", "answers=true&answers=false", "scans=AA&scans=_-8"),
    *("ratings=1.5&ratings=NaN", "loanTimes=2026-07-01T12:00:00Z&loan_times=2026-07-02T12:00:00Z"),
    *("author.fullName=Ada&author.birth_year=1815", "author.home.city=Paris", "author.home.next.next.city=Rome"),
    *("author.penNames=a&author.pen_names=b", "author=Ada", "author.=Ada", ".author=Ada", "author..city=a"),
    *("author.fullName.x=a", "author.full_name=a&author.fullName=b", "coAuthors.fullName=Bob", "coAuthors=x"),
    *("archive.city=a", "isbn=1&shelf=2", "shelf=2&archive.city=a", "isbn=1&isbn=2", "isbn="),
    *("labels=x", "labels.a=b", "labels[a]=b", "labels.key=a", "editors.1.fullName=a"),
    *("nickname=x", "nickname.value=x", "rank=3", "rank.value=3", "rare=true", "printTime.seconds=1", "mask.paths=a"),
    *("title=", "edition=0", "checked=false", "formerKind=KIND_UNSPECIFIED", "title=a&edition=2"),
    *("%40odd=a", "@odd=a", "odd_name=a", "oddName=a", "RecordId=a", "record%5Fid=a", "record_id%3Da", "record+id=a"),
    *(
        "recordId=%C3%A4",
        "recordId=\u00e4",
        "recordId=%ff",
        "recordId=%C3",
        "recordId=%00",
        "recordId=%zz",
        "recordId=%",
    ),
    *("recordId=a;lent=true", "recordId=a%26lent=true", "recordId=a%3Dlent", "recordId=a=b", "recordId=a/b?c"),
    *("recordId=" + "x" * 5_000, "x" * 500 + "=1", "&".join(f"tags={n}" for n in range(100))),
    *("&".join(f"tags={n}" for n in range(101)), "archive.next.next.next.next.next.next.city=a"),
    *(
        "archive.next.next.next.next.next.next.next.city=a",
        "$alt=json",
        "key=a",
        "access_token=a",
        "fields=a",
        "lent=true#x",
    ),
]

BODIES = [
    *('{"recordId": "a"', '{"recordId": "a",}', "{'recordId': 'a'}", '{recordId: "a"}', '{"recordId": "a"}x', "{}{}"),
    *(
        '{"recordId": "a"} ',
        ' \n\t{"recordId": "a"}',
        '{"recordId":"a"}\n',
        '{"record\\u0049d": "a"}',
        "{\"recordId\": 'a'}",
    ),
    *(
        '{"recordId": "a\nb"}',
        '{"recordId": "a\tb"}',
        '{"recordId": "\\x41"}',
        '{"recordId": "\\',
        '{"recordId"}',
        '{"": 1}',
    ),
    *('{/* a */ "recordId": "a"}', '{"recordId": "a" // b\n}', '{"copies": 01}', '{"copies": .5}', '{"copies": 1.}'),
    *(
        '{"copies": +1}',
        '{"copies": -}',
        '{"weight": NaN}',
        '{"weight": Infinity}',
        '{"weight": -Infinity}',
        '{"lent": True}',
    ),
    *(
        '{"copies": 0x10}',
        '{"copies": 1e}',
        '{"copies": 1E2}',
        '{"weight": 1e5}',
        '{"weight": 1E+5}',
        '{"copies": -01}',
    ),
    *('{"author": {"fullName": "a"}, "author": {"birthYear": 1}}', '{"isbn": "1", "shelf": "2"}'),
    *('{"isbn": "1", "shelf": null}', '{"isbn": null, "shelf": "2"}', '{"archive": {}, "isbn": "1"}'),
    *(
        '{"author": {"home": {"city": "a", "next": {"next": {}}}}}',
        '{"author": {"fullname": "a"}}',
        '{"author": {"x": 1}}',
    ),
    *(
        '{"coAuthors": [{"fullName": "a"}, {}]}',
        '{"coAuthors": [{"fullName": "a"}, null]}',
        '{"coAuthors": [{"x": 1}]}',
    ),
    *('{"labels": {"a": "b", "c": "d"}}', '{"labels": {"a": 1}}', '{"editors": {"1": {"fullName": "a"}, "02": {}}}'),
    *('{"labels": [{"key": "a", "value": "b"}]}', '{"votes": {"true": 1, "false": "2"}}', '{"archive": [ ]}'),
    *('{"nickname": {"value": "x"}}', '{"printTime": {"seconds": 1}}', '{"mask": {"paths": ["a"]}}'),
    *(
        '{"title": ""}',
        '{"title": null}',
        '{"edition": 0}',
        '{"checked": false}',
        '{"formerKind": 0}',
        '{"formerKind": null}',
    ),
    *(
        '{"@type": "x"}',
        '{"@odd": "a"}',
        '{"odd_name": "a"}',
        '{"oddName": "a"}',
        '{"RecordId": "a"}',
        '{"record-id": "a"}',
    ),
    *('{"1": "a"}', '{"[archive.v1.x]": 1}', '{"recordId": "a", "recordId": null}', '{"lent": true, "lent": false}'),
    '{"archive": ' + '{"next": ' * 30 + "{}" + "}" * 31,
    '{"archive": ' + '{"next": ' * 95 + "{}" + "}" * 96,
    '{"archive": ' + '{"next": ' * 150 + "{}" + "}" * 151,
    '{"notes": ' + '{"a": ' * 20 + "1" + "}" * 21,
    '{"extra": ' + "[" * 40 + "]" * 40 + "}",
    '{"tags": [' + ", ".join(f'"{n}"' for n in range(2_000)) + "]}",
    '{"recordId": "' + "x" * 200_000 + '"}',
]

RAW_BODIES = [
    b"\xef\xbb\xbf{}",
    b'{"recordId": "\xff"}',
    b'{"recordId": "\xc3"}',
    b"\x00",
    b'{"recordId": "a"}\x00',
    b" ",
]

CONTENT_TYPES = [
    *(
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "APPLICATION/JSON",
        "text/json",
        "text/plain",
    ),
    *(
        "application/json; charset=latin-1",
        "application/x-www-form-urlencoded",
        "application/vnd.api+json",
        "*/*",
        "json",
    ),
]

ACCEPTS = ["*/*", "application/json", "text/html", "application/*;q=0.5", "application/json;q=0", ""]

PATHS = [
    *(
        "/",
        "//",
        "/api",
        "/api/",
        "/nothing",
        "/api/nothing",
        "/records/a/b",
        "/records//",
        "/records/%20",
        "/records/count/",
    ),
    *(
        "/RECORDS",
        "/records%2Fa",
        "/records/%63ount",
        "/records/count/count",
        "/records/a/count",
        "/v1.0/re-cord_s~count",
    ),
    *(
        "/v1.0/re-cord_s%7Ecount",
        "/v1%2E0/re-cord_s~count",
        "/./records",
        "/records/.",
        "/records/../records",
        "/records/a/..",
    ),
    *("/authors/a%2Fb/born/1", "/authors/a/b/born/1", "/authors/a/born/x", "/authors/a/born/", "/authors//born/1"),
    *("/archive.v1.Archive/FindRecord", "/ordermesh.orders.v1.OrderService/GetOrder", "/grpc.health.v1.Health/Check"),
    *(
        "/records/a?",
        "/records/a?lent=true",
        "/records/a?recordId=a",
        "/records/a?record_id=b",
        "/records/a?author.fullName=b",
    ),
    *(
        "/authors/a?author.fullName=b",
        "/authors/a?author.birthYear=1",
        "/authors/a?author.home.city=b",
        "/shelves/a?isbn=b",
    ),
    *("/shelves/a?shelf=b", "/authors/a?author.home.next.city=b", "/titles/a?title=b"),
]

BODIES_AND_PATHS = [
    ("PUT", "/records/a", '{"recordId": "a"}'),
    ("PUT", "/records/a", '{"recordId": "b"}'),
    ("PUT", "/records/a", '{"record_id": "b"}'),
    ("PUT", "/records/a", '{"recordId": ""}'),
    ("PUT", "/records/a", '{"recordId": null}'),
    ("PUT", "/records/a", '{"recordId": 1}'),
    ("PUT", "/records/a", '{"tags": ["recordId"], "copies": 3}'),
    ("PUT", "/copies/3/NOVEL", '{"copies": 3, "kind": "NOVEL"}'),
    ("PUT", "/copies/3/NOVEL", '{"copies": "3", "kind": 1}'),
    ("PUT", "/copies/3/1", '{"kind": "NOVEL"}'),
    ("PUT", "/copies/3/NOVEL", '{"copies": 4}'),
    ("PUT", "/copies/3/NOVEL", '{"kind": "POEMS"}'),
    ("PUT", "/copies/0/NOVEL", '{"copies": 4}'),
    ("PUT", "/copies/0/0", '{"copies": 0, "kind": 0}'),
    ("PUT", "/authors/a", '{"author": {"fullName": "a"}}'),
    ("PUT", "/authors/a", '{"author": {"fullName": "b"}}'),
    ("PUT", "/authors/a", '{"author": {"birthYear": 3}}'),
    ("PUT", "/authors/a", '{"author": null}'),
    ("PUT", "/shelves/a", '{"shelf": "a"}'),
    ("PUT", "/shelves/a", '{"shelf": "b"}'),
    ("PUT", "/shelves/a", '{"isbn": "a"}'),
    ("PUT", "/shelves/a", '{"archive": {}}'),
    ("PATCH", "/records/a/author?isbn=1&shelf=2", '{"fullName": "b"}'),
    ("PATCH", "/records/a/author?author.fullName.x=2", '{"fullName": "b"}'),
    ("PATCH", "/records/a/home", '{"birthYear": 3}'),
    ("PATCH", "/records/a/home", '{"fullName": "a"}'),
    ("PATCH", "/records/a/home", '{"fullName": "b"}'),
    ("PATCH", "/records/a/author?copies=2", '{"fullName": "b"}'),
    ("PATCH", "/records/a/author?author.birthYear=2", '{"fullName": "b"}'),
    ("PATCH", "/records/a/author?recordId=b", '{"fullName": "b"}'),
    ("PATCH", "/records/a/author", ""),
    ("PATCH", "/records/a/archive?isbn=1", '{"city": "b"}'),
    ("PATCH", "/records/a/archive?lent=true", '{"city": "b"}'),
    ("PATCH", "/records/a/tags?tags=b", '["a"]'),
    ("PATCH", "/records/a/tags", ""),
    ("PATCH", "/records/a/print-time", ""),
    ("PATCH", "/records/a/author", '{"author": {"fullName": "b"}}'),
    ("DELETE", "/records/a/author", '{"fullName": "b"}'),
    ("DELETE", "/records/a/author", ""),
    ("DELETE", "/records/a", '{"recordId": "b"}'),
    ("GET", "/records/a", '{"recordId": "b"}'),
    ("GET", "/records", "x"),
    ("POST", "/records?lent=true", '{"recordId": "b"}'),
    ("POST", "/records?lent=true", "{}"),
]


def corpus() -> Iterator[Case]:
    """All of them."""
    for segment in SEGMENTS:
        yield Case("segment", "GET", f"/records/{segment}")
    for segment in SEGMENTS[:13]:
        yield with_json("segment of a write", "PUT", f"/records/{segment}", "{}")
    yield from (Case("query", "GET", f"/records?{query}") for query in QUERIES)
    yield from (Case("path", "GET", path) for path in PATHS)
    yield from (with_json("body", "POST", "/records", text) for text in BODIES)
    yield from (Case("raw body", "POST", "/records", body, JSON) for body in RAW_BODIES)
    yield from (with_json("body and path", verb, target, text) for verb, target, text in BODIES_AND_PATHS)
    yield Case("no body", "POST", "/records")
    yield Case("no content type", "POST", "/records", b'{"lent": true}')
    for value in CONTENT_TYPES:
        yield Case("content type", "POST", "/records", b'{"lent": true}', {"content-type": value})
    yield from (Case("accept", "GET", "/records", None, {"accept": value}) for value in ACCEPTS)
    yield Case("override", "POST", "/records", b"{}", {**JSON, "x-http-method-override": "GET"})

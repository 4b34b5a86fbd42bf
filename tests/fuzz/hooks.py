"""What Schemathesis cannot know from the document."""

import os
import re
import unicodedata
import uuid

import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode

# What is checked of a URL is no regular language: a host is looked at as an address or a domain. These are taken.
label = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True).filter(lambda text: not text.startswith("xn--"))
host = st.lists(label, min_size=1, max_size=3).map(".".join).map(lambda name: name + ".example")
port = st.one_of(st.just(""), st.integers(1, 65535).map(":{}".format))
part = r"([A-Za-z0-9_~!$&'()*+,;=:@/-]|%[3-7][0-9A-D]){0,20}"
path = st.one_of(st.just(""), st.from_regex("/" + part + r"(\?" + part + ")?", fullmatch=True))
schemathesis.openapi.format(
    "url", st.tuples(st.sampled_from(["http://", "https://", "HTTP://"]), host, port, path).map("".join)
)


@schemathesis.check
def the_service_does_not_fail(ctx, response, case):
    """503 `revision_not_reached` is a promise that was kept."""
    if response.status_code < 500:
        return
    media_type = response.headers.get("content-type", [""])[0]
    code = response.json().get("code") if "json" in media_type else None
    assert (response.status_code, code) == (503, "revision_not_reached"), f"{response.status_code} {code}"


@schemathesis.check
def the_code_of_a_problem_is_documented(ctx, response, case):
    """Compares a problem with the extension `x-codes` of its response, and with the members that its code always has."""
    media_type = response.headers.get("content-type", [""])[0]
    answer = case.operation.definition.raw["responses"].get(str(response.status_code))
    if media_type.split(";")[0] != "application/problem+json" or answer is None:
        return
    components = case.operation.schema.raw_schema["components"]
    if "$ref" in answer:
        answer = components["responses"][answer["$ref"].rsplit("/", 1)[1]]
    problem = response.json()
    assert problem["code"] in answer["x-codes"], f"{response.status_code} {problem['code']} is not in x-codes"
    missing = set(components["schemas"]["Problem"]["x-code-members"].get(problem["code"], [])) - problem.keys()
    assert not missing, f"{problem['code']} without {missing}"


# The key that all of this is done with.
OWN_KEY = os.environ["API_TOKEN"].removeprefix("tmk_")[:12]


@schemathesis.hook
def before_call(context, case, kwargs):
    keep_own_key(case)
    make_valid(case)


def keep_own_key(case):
    """Lists of keys have it too, and who has revoked it can go no further."""
    if (case.path_parameters or {}).get("key_id") == OWN_KEY and case.method != "GET":
        case.path_parameters["key_id"] = "000000000000"


def make_valid(case):
    """What is valid also in ways that a schema does not say, where only valid requests are made."""
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    query = case.query or {}
    # A signed place in a list, which only the service can make.
    query.pop("cursor", None)
    if isinstance(case.body, dict):
        case.body.pop("cursor", None)
    # Texts have nothing that nobody sees; a pattern cannot say all of it.
    case.body = seen(case.body)
    for texts in (query, case.headers or {}):
        for name in texts:
            texts[name] = seen(texts[name])
    # The beginning is before the end.
    for first, last in (("from", "to"), ("start_time", "end_time")):
        if first in query and last in query and case.operation.path.startswith("/api/v1/audit"):
            query[first], query[last] = ordered(query[first], query[last])
    # The past of a tenant goes as far as it goes; its beginning is always there.
    if "at" in query:
        query["at"] = "0"
    if query.get("at") and case.operation.path == "/api/v1/routes" and "tenant" not in query:
        del query["at"]
    # Only the present routes of one tenant are counted.
    if "count" in query and ("at" in query or "tenant" not in query):
        del query["count"]
    # What only a policy looks at means nothing beside a version. Two spellings of a header's name are one header.
    if case.operation.path == "/api/v1/routes/resolve":
        names = [name for name in query if name.startswith(("header.", "query."))]
        if "version" in query:
            names += ["key", "path", "method", "explain"]
        else:
            names = [name for at, name in enumerate(names) if name.lower() in [other.lower() for other in names[:at]]]
        for name in names:
            query.pop(name, None)
    # Only its own name confirms.
    if "confirm" in query:
        query["confirm"] = (case.path_parameters or {}).get("tenant")
    # A URL made from the pattern alone, such as `HTTP://0`: its host need not be one.
    if isinstance(case.body, dict) and isinstance(case.body.get("url"), str):
        case.body["url"] = with_host(case.body["url"])
    headers = case.headers or {}
    # Some patterns of headers that empty text does not match are given it all the same.
    for name in [name for name, value in headers.items() if value == ""]:
        del headers[name]
    # A key is for one request.
    if "Idempotency-Key" in headers:
        headers["Idempotency-Key"] = str(uuid.uuid4())
    # A coding that this client cannot read.
    if "zstd" in str(headers.get("Accept-Encoding")):
        headers["Accept-Encoding"] = "gzip"
    # For JSON Schema 1.0 is an integer; for the service, as for most, it is not.
    if isinstance(case.body, (dict, list)):
        case.body = integers(case.body)


HIDDEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
IGNORED = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]")


def seen(value):
    if isinstance(value, str):
        return "".join(c for c in IGNORED.sub("", value) if unicodedata.category(c) not in HIDDEN)
    if isinstance(value, list):
        return [seen(item) for item in value]
    if isinstance(value, dict):
        return {name: seen(member) for name, member in value.items()}
    return value


def with_host(url):
    """Puts the host `a` where the URL has none that is surely valid. `HTTP://a` is as short as a URL may be."""
    scheme, _, rest = url.partition("://")
    authority = re.match("[^/?]*", rest)[0]
    if re.fullmatch(r"[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)*(:[0-9]+)?", authority):
        return url
    return f"{scheme}://a{rest[len(authority):]}"


def ordered(first, last):
    if isinstance(first, int) and isinstance(last, int):
        return min(first, last), max(first, last)
    return "2026-01-01T00:00:00Z", max(str(last), "2026-01-02T00:00:00Z")


def integers(value):
    if isinstance(value, dict):
        return {name: integers(member) for name, member in value.items()}
    if isinstance(value, list):
        return [integers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value

"""Writes the generated files, from the API's document: `python scripts/generate.py [FOLDER]`.

models.py has the bodies (datamodel-code-generator), operations.py the table of all operations, methods.py a method for
each of them, once for the client that waits and once for the asynchronous one.
"""

from __future__ import annotations

import json
import keyword
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[2] / "docs" / "openapi.json"
HEAD = "# Generated from docs/openapi.json by scripts/generate.py. Do not edit.\n"
METHODS = ("get", "post", "put", "patch", "delete")
MARKS = {
    "Idempotency-Key": "idempotency_key",
    "If-Match": "if_match",
    "X-Reason": "reason",
    "TM-Min-Revision": "min_revision",
    "Last-Event-ID": "last_event_id",
}
# The service checks values, and later versions may allow more of them: a client that checks them would refuse answers.
CHECKS = {
    *("pattern", "format", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "uniqueItems"),
    *("minProperties", "maxProperties", "propertyNames"),
}
TYPES = {"string": "str", "integer": "int", "boolean": "bool", "number": "float"}

Json = dict[str, Any]


def opened(value: Any, *, inside_properties: bool = False) -> Any:
    """Returns a schema without checks of values, whose lists of values are open."""
    if isinstance(value, list):
        return [opened(item) for item in value]
    if not isinstance(value, dict):
        return value
    if inside_properties:
        return {name: opened(schema) for name, schema in value.items()}
    kept = {
        name: opened(part, inside_properties=name == "properties") for name, part in value.items() if name not in CHECKS
    }
    kept.pop("additionalProperties", None) if kept.get("additionalProperties") is False else None
    if len(kept.get("enum", ())) > 1 and kept.get("type") == "string":
        about = {"description": kept.pop("description")} if "description" in kept else {}
        return {**about, "anyOf": [kept, {"type": "string"}]}
    return kept


def write_models(document: Json, target: Path) -> None:
    """Writes the bodies as pydantic models."""
    schemas = {"openapi": "3.1.0", "info": document["info"], "paths": {}}
    schemas["components"] = {"schemas": opened(document["components"]["schemas"], inside_properties=True)}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "document.json"
        source.write_text(json.dumps(schemas))
        command = [
            *(sys.executable, "-m", "datamodel_code_generator", "--input", str(source), "--output", str(target)),
            *("--input-file-type", "openapi", "--output-model-type", "pydantic_v2.BaseModel"),
            *("--target-python-version", "3.10", "--extra-fields", "allow", "--collapse-root-models"),
            *("--enum-field-as-literal", "all", "--use-annotated", "--disable-timestamp", "--use-schema-description"),
            *("--use-field-description", "--use-double-quotes", "--formatters", "ruff-format"),
            *("--custom-file-header", HEAD.strip()),
        ]
        subprocess.run(command, check=True)


class Operation:
    """One operation of the document."""

    def __init__(self, document: Json, method: str, path: str, item: Json, op: Json) -> None:
        self.document = document
        self.id: str = op["operationId"]
        self.name = re.sub(r"(?<!^)([A-Z])", r"_\1", self.id).lower()
        self.method = method.upper()
        self.path = path
        self.summary = " ".join(str(op.get("summary", self.id)).split())
        parameters = [self.resolved(each) for each in [*item.get("parameters", ()), *op.get("parameters", ())]]
        self.in_path = [each for each in parameters if each["in"] == "path"]
        query = [each for each in parameters if each["in"] == "query" and each["name"] != "min_revision"]
        self.in_query = sorted(query, key=lambda each: not each.get("required", False))
        headers = [each["name"] for each in parameters if each["in"] == "header"]
        self.takes = [MARKS[name] for name in headers if name in MARKS]
        if "If-None-Match" in headers:
            self.takes.append("if_none_match" if "304" in op["responses"] else "create_only")
        body = self.resolved(op.get("requestBody", {}))
        self.bodies: Json = body.get("content", {})
        self.needs_body = bool(body.get("required"))
        answers = {status: self.resolved(op["responses"][status]) for status in op["responses"] if status[0] == "2"}
        self.answers: dict[int, Json] = {int(status): answer.get("content", {}) for status, answer in answers.items()}
        streams = ("text/event-stream", "application/x-ndjson")
        self.stream = any(content in streams for answer in self.answers.values() for content in answer)

    def resolved(self, value: Json) -> Json:
        if "$ref" not in value:
            return value
        found: Any = self.document
        for name in value["$ref"][2:].split("/"):
            found = found[name]
        return dict(found)

    def models(self) -> dict[int, str | None]:
        """The model of each status; None for a value of no model."""
        return {
            status: model(answer.get("application/json", {}).get("schema")) for status, answer in self.answers.items()
        }

    def value(self, stream: str) -> str:
        """The type of the value that the operation answers."""
        if self.stream:
            return stream
        found = []
        for answer in self.answers.values():
            if not answer:
                found.append("None")
            for content, about in answer.items():
                name = model(about.get("schema")) if content == "application/json" else None
                json_type = "dict[str, Any]" if "json" in content else "str"
                found.append(f"models.{name}" if name else json_type)
        return " | ".join(dict.fromkeys(found)) or "None"

    def body_type(self) -> str:
        found = [f"models.{name}" for each in self.bodies.values() if (name := model(each.get("schema")))]
        text = ["str"] if "application/yaml" in self.bodies else []
        return " | ".join(dict.fromkeys([*found, "Mapping[str, Any]", *text]))

    def type_of(self, parameter: Json) -> str:
        if parameter["name"] == "wait" and self.method != "GET":
            return "Wait | str"
        schema = self.resolved(parameter.get("schema", {}))
        kinds = schema.get("type", "string")
        kinds = kinds if isinstance(kinds, list) else [kinds]
        if "object" in kinds:
            return "Mapping[str, str]"
        return " | ".join(TYPES[kind] for kind in kinds if kind in TYPES) or "str"


def model(schema: Json | None) -> str | None:
    reference = (schema or {}).get("$ref", "")
    return reference.rsplit("/", 1)[-1] or None


def argument(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) else name


def operations_of(document: Json) -> list[Operation]:
    """All operations, sorted by their names."""
    found = [
        Operation(document, method, path, item, item[method])
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    ]
    return sorted(found, key=lambda operation: operation.name)


def table(document: Json, operations: list[Operation]) -> str:
    """The text of operations.py."""
    lines = [
        HEAD,
        '"""The table of all operations, and the codes of problems."""\n',
        "from __future__ import annotations\n",
        "from . import models",
        "from .operation import Operation\n",
        "OPERATIONS: dict[str, Operation] = {",
    ]
    for each in operations:
        found = ", ".join(f"{status}: {f'models.{name}' if name else None}" for status, name in each.models().items())
        path = tuple(part["name"] for part in each.in_path)
        query = tuple(part["name"] for part in each.in_query)
        first = f"{each.name!r}, {each.id!r}, {each.method!r}, {each.path!r}, {path!r}, {query!r}"
        rest = f"frozenset({sorted(each.takes)!r}), {'application/yaml' in each.bodies}, {each.stream}, {{{found}}}"
        lines.append(f"    {each.name!r}: Operation({first}, {rest}),")
    codes = sorted(document["components"]["schemas"]["ProblemCode"]["examples"])
    lines += [
        "}",
        '"""All operations, by the names of their methods."""\n',
        "PROBLEM_CODES: frozenset[str] = frozenset(",
    ]
    lines += [
        f"    {codes!r}",
        ")",
        '"""The codes of problems that this version knows. Later versions may have more."""\n',
    ]
    return "\n".join(lines)


def method(each: Operation, *, is_async: bool) -> list[str]:
    """The lines of one method."""
    arguments = [f"{argument(part['name'])}: {each.type_of(part)}" for part in each.in_path]
    optional = []
    for part in each.in_query:
        text = f"{argument(part['name'])}: {each.type_of(part)}"
        arguments += [text] if part.get("required") else []
        optional += [] if part.get("required") else [f"{text} | None = None"]
    if each.bodies:
        wanted = each.body_type()
        arguments.append(f"body: {wanted}" if each.needs_body else f"body: {wanted} | None = None")
    names = [part["name"] for part in [*each.in_path, *each.in_query]]
    given = ", ".join(f"{name!r}: {argument(name)}" for name in names)
    value = each.value("AsyncStream" if is_async else "Stream")
    result = f"{'Read' if each.method == 'GET' else 'Written'}[{value}]"
    start = "async def" if is_async else "def"
    listed = ", ".join(["self", "*", *arguments, *optional, "options: Options | None = None"])
    body = "body" if each.bodies else "None"
    call = f"self._call({each.name!r}, {{{given}}}, {body}, options)"
    return [
        f"    {start} {each.name}({listed}) -> {result}:",
        f'        """{each.summary.rstrip(".")}."""',
        f"        result: {result} = {'await ' if is_async else ''}{call}",
        "        return result\n",
    ]


def methods(operations: list[Operation]) -> str:
    """The text of methods.py."""
    lines = [
        HEAD,
        '"""A method for each operation of the API."""\n',
        "from __future__ import annotations\n",
        "from collections.abc import Mapping",
        "from typing import Any\n",
        "from . import models",
        "from .result import AsyncStream, Options, Read, Stream, Wait, Written\n",
    ]
    for name, is_async in (("Methods", False), ("AsyncMethods", True)):
        start = "async def" if is_async else "def"
        lines += [
            f"\nclass {name}:",
            f'    """All operations{", for asyncio" if is_async else ""}. Each may raise `Problem` or `NoAnswer`."""\n',
            f"    {start} _call(self, name: str, args: Mapping[str, Any], body: Any, options: Options | None) -> Any:",
            "        raise NotImplementedError\n",
        ]
        for each in operations:
            lines += method(each, is_async=is_async)
    return "\n".join(lines)


def main() -> None:
    """Writes all files into the folder."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "src" / "traffic_manager_client"
    document = json.loads(SOURCE.read_text())
    operations = operations_of(document)
    write_models(document, folder / "models.py")
    (folder / "operations.py").write_text(table(document, operations))
    (folder / "methods.py").write_text(methods(operations))
    config = str(HERE.parent / "pyproject.toml")
    names = [str(folder / name) for name in ("operations.py", "methods.py", "models.py")]
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", "--config", config, *names], check=True)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Reads and writes Avro with fastavro, so that what zeelos writes is judged by a foreign implementation.

One JSON object per line on stdin, one answer per line on stdout, with the same `id`:
  {"id", "schema": name, "hex": binary without frame, "writer"?: schema, "reader"?: schema} -> {"event": "answer", "id", "value"}
  {"id", "schema": name, "json": value, "writer"?: schema}                                  -> {"event": "answer", "id", "hex"}
  on failure                                                                                -> {"event": "answer", "id", "error"}
`schema` is the full name of a schema in the folder given with --schemas, or its file name without .avsc; it may be
missing when `writer` is there. Without `reader` the writer schema reads.

Both directions speak the JSON encoding of the Avro specification (1.12, "JSON Encoding"): a union value is null or
{branch: value} with the full name of a named type; bytes and fixed are strings of code points 0 to 255; an enum is its
symbol. Logical types are ignored: the stored value is shown. Inside, fastavro gives and takes a named branch as a tuple
(name, value); a primitive branch it gives as a bare Python value, whose type then names the branch (int cannot be told
from long, nor float from double, where a union holds both). A value with missing or unknown fields is refused.
"""

import argparse
import io
import json
import sys
from pathlib import Path
from typing import Any

import fastavro
from fastavro.schema import parse_schema

sys.path.insert(0, str(Path(__file__).resolve().parent))

from wire.lines import Lines  # noqa: E402

PYTHON_TYPES: dict[type, tuple[str, ...]] = {
    bool: ("boolean",),
    int: ("long", "int"),
    float: ("double", "float"),
    str: ("string",),
    bytes: ("bytes",),
    dict: ("map",),
    list: ("array",),
}


class Schema:
    """A parsed schema with the named types it defines."""

    def __init__(self, definition: Any) -> None:
        self.names: dict[str, Any] = {}
        self.root = parse_schema(plain(definition), named_schemas=self.names)

    def resolve(self, schema: Any) -> Any:
        return self.names.get(schema, schema) if isinstance(schema, str) else schema

    def to_json(self, value: Any, schema: Any) -> Any:
        schema = self.resolve(schema)
        if isinstance(schema, list):
            return self._union_to_json(value, schema)
        kind = kind_of(schema)
        if kind == "record":
            return {field["name"]: self.to_json(value[field["name"]], field["type"]) for field in schema["fields"]}
        if kind == "array":
            return [self.to_json(item, schema["items"]) for item in value]
        if kind == "map":
            return {key: self.to_json(item, schema["values"]) for key, item in value.items()}
        return value.decode("latin-1") if kind in ("bytes", "fixed") else value

    def _union_to_json(self, value: Any, branches: list[Any]) -> Any:
        if value is None:
            return None
        if isinstance(value, tuple):
            name, value = value
            branch = name
        else:
            wanted = PYTHON_TYPES[type(value)]
            branch = next(b for b in branches if kind_of(self.resolve(b)) in wanted)
            name = kind_of(branch)
        return {name: self.to_json(value, branch)}

    def from_json(self, value: Any, schema: Any) -> Any:
        schema = self.resolve(schema)
        if isinstance(schema, list):
            return self._union_from_json(value, schema)
        kind = kind_of(schema)
        if kind == "record":
            types = {field["name"]: field["type"] for field in schema["fields"]}
            if set(value) != set(types):
                raise ValueError(f"{schema['name']}: fields differ: {sorted(set(value) ^ set(types))}")
            return {name: self.from_json(value[name], types[name]) for name in types}
        if kind == "array":
            return [self.from_json(item, schema["items"]) for item in value]
        if kind == "map":
            return {key: self.from_json(item, schema["values"]) for key, item in value.items()}
        return value.encode("latin-1") if kind in ("bytes", "fixed") else value

    def _union_from_json(self, value: Any, branches: list[Any]) -> Any:
        if value is None:
            return None
        if not isinstance(value, dict) or len(value) != 1:
            raise ValueError("a union value is null or an object with one branch")
        name, inner = next(iter(value.items()))
        branch = next((b for b in branches if name in (name_of(b), kind_of(b))), None)
        if branch is None:
            raise ValueError(f"no branch {name} in the union")
        return (name, self.from_json(inner, branch))


def plain(schema: Any) -> Any:
    """A copy without logical types."""
    if isinstance(schema, dict):
        return {key: plain(value) for key, value in schema.items() if key != "logicalType"}
    return [plain(item) for item in schema] if isinstance(schema, list) else schema


def kind_of(schema: Any) -> str:
    return kind_of(schema["type"]) if isinstance(schema, dict) else schema


def name_of(schema: Any) -> str:
    return schema.get("name", kind_of(schema)) if isinstance(schema, dict) else schema


def decode(writer: Schema, reader: Schema | None, data: bytes) -> Any:
    source = io.BytesIO(data)
    seen_by = reader or writer
    value = fastavro.schemaless_reader(source, writer.root, reader.root if reader else None, return_named_type=True)
    if source.read(1):
        raise ValueError("bytes left over after the value")
    # At the root a named type comes as a bare value.
    return seen_by.to_json(value, seen_by.root)


def encode(schema: Schema, value: Any) -> bytes:
    target = io.BytesIO()
    fastavro.schemaless_writer(target, schema.root, schema.from_json(value, schema.root), strict=True)
    return target.getvalue()


def load(folder: str | None) -> dict[str, Schema]:
    schemas: dict[str, Schema] = {}
    for path in sorted(Path(folder).glob("**/*.avsc")) if folder else []:
        schema = Schema(json.loads(path.read_text()))
        schemas[path.stem] = schemas[name_of(schema.root)] = schema
    return schemas


def answer(request: dict[str, Any], schemas: dict[str, Schema]) -> dict[str, Any]:
    writer = Schema(request["writer"]) if request.get("writer") is not None else schemas[request["schema"]]
    if "hex" not in request:
        return {"hex": encode(writer, request["json"]).hex()}
    reader = Schema(request["reader"]) if request.get("reader") is not None else None
    return {"value": decode(writer, reader, bytes.fromhex(request["hex"]))}


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--schemas", help="folder of self-contained .avsc files")
    lines, schemas = Lines(), load(p.parse_args().schemas)
    lines.say("ready", schemas=sorted(schemas))
    for line in sys.stdin:
        request = json.loads(line)
        try:
            lines.say("answer", id=request.get("id"), **answer(request, schemas))
        except Exception as error:  # whatever fastavro makes of bad input is the answer, not the end
            lines.say("answer", id=request.get("id"), error=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()

"""Makes pages of the description of the HTTP API: one for each group of calls, and one with all objects."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

METHODS = ("get", "post", "put", "patch", "delete")
# The operators' calls are on a page for each resource; what has few calls shares one.
SHARED = {"audit": "records", "reminders": "records", "stats": "records"}
SHARED |= {part: "authority" for part in ("backup", "clock", "doctor", "jobs", "keys")}
TITLES = {"product": "Calls of products", "keys": "Public keys", "health": "Health and metrics",
          "records": "Records and statistics", "authority": "The authority"}
ORDER = ["product", "keys", "health", "products", "features", "plans", "customers", "licenses", "activations", "tokens"]


@dataclass
class Page:
    path: str
    title: str
    text: str


def pages(file: Path) -> list[Page]:
    return Reference(json.loads(file.read_text())).pages()


class Reference:
    def __init__(self, api: dict):
        self.api = api
        self.schemas = api["components"]["schemas"]

    def pages(self) -> list[Page]:
        groups: dict[str, list[str]] = {}
        for path, operations in self.api["paths"].items():
            for method in METHODS:
                if method in operations:
                    operation = operations[method]
                    group = self.group(path, operation)
                    groups.setdefault(group, []).append(self.operation(method, path, operations, operation))
        names = [name for name in ORDER if name in groups] + sorted(set(groups) - set(ORDER))
        about = {tag["name"]: tag["description"] for tag in self.api["tags"]}
        made = [Page("api/index.md", "Overview", self.overview(names))]
        for name in names:
            title = TITLES.get(name, name.capitalize())
            intro = about.get(name, "Calls of [operators and their programs](index.md#authentication), with an API token.")
            made.append(Page(f"api/{name}.md", title, "\n\n".join([f"# {title}", intro, *groups[name]]) + "\n"))
        objects = [self.object(name) for name in sorted(self.schemas, key=str.lower)]
        made.append(Page("api/objects.md", "Objects", "\n\n".join(["# Objects", "What the calls send and return.", *objects]) + "\n"))
        return made

    @staticmethod
    def group(path: str, operation: dict) -> str:
        if path.startswith("/v1/admin/"):
            name = path.split("/")[3]
            return SHARED.get(name, name)
        return operation["tags"][0]

    def overview(self, names: list[str]) -> str:
        info, components = self.api["info"], self.api["components"]
        count = sum(method in path for path in self.api["paths"].values() for method in METHODS)
        schemes = [f"### {name.capitalize()}\n\n`Authorization: {scheme['scheme'].capitalize()} …`. {prose(scheme['description'])}"
                   for name, scheme in components["securitySchemes"].items()]
        statuses = self.statuses()
        answers = [f"| {statuses.get(name, '')} | {text(answer['description'])} | {self.content(answer)} |"
                   for name, answer in components["responses"].items()]
        headers = [f"| `{name}` | {text(header.get('description', ''))} |" for name, header in self.headers().items()]
        parts = [
            "# The HTTP API", info["description"],
            f"{count} calls and {len(self.schemas)} objects, made from [openapi.json](openapi.json) (OpenAPI {self.api['openapi']}), from "
            "which clients in other languages [can be generated](../integrate.md#the-operator-api). The rules for a client that runs in a "
            "product are in [the protocol](../protocol.md); the codes of errors have [a page of their own](codes.md).",
            "\n".join(f"- [{TITLES.get(name, name.capitalize())}]({name}.md)" for name in names) + "\n- [Objects](objects.md)",
            "## Authentication", *schemes,
            "## Headers of answers", "| header | meaning |\n|---|---|\n" + "\n".join(headers),
            "## Errors", "Each call names those of these answers that it has; their body says why, with [a code](codes.md).",
            "| answer | meaning | body |\n|---|---|---|\n" + "\n".join(answers),
        ]
        return "\n\n".join(parts) + "\n"

    def statuses(self) -> dict:
        """Returns the status of each answer that calls share, by its name."""
        calls = [path[method] for path in self.api["paths"].values() for method in METHODS if method in path]
        return {answer["$ref"].rsplit("/", 1)[1]: "any other" if status == "default" else status
                for call in calls for status, answer in call["responses"].items() if "$ref" in answer}

    def headers(self) -> dict:
        used: dict = {}
        for path in self.api["paths"].values():
            for method in METHODS:
                for answer in path.get(method, {}).get("responses", {}).values():
                    used |= self.resolved(answer).get("headers", {})
        for answer in self.api["components"]["responses"].values():
            used |= answer.get("headers", {})
        return {name: self.resolved(header) for name, header in sorted(used.items())}

    # ── one call ────────────────────────────────────────────────────────────────────────────────────────────────────

    def operation(self, method: str, path: str, shared: dict, operation: dict) -> str:
        # The path is code, so that braces and underscores stay as they are.
        parts = [f"## {method.upper()} `{path}` {{ #{operation['operationId']} .call .{method} }}", prose(operation["summary"])]
        if description := operation.get("description"):
            parts.append(prose(description))
        parts.append(self.security(operation))
        parameters = [self.resolved(one) for one in shared.get("parameters", []) + operation.get("parameters", [])]
        if parameters:
            rows = [f"| `{one['name']}` | {one['in']} | {self.type(one['schema'])} | {required(one)}{text(one.get('description', ''))} |"
                    for one in parameters]
            parts.append("| parameter | in | type | meaning |\n|---|---|---|---|\n" + "\n".join(rows))
        if body := operation.get("requestBody"):
            schema = next(iter(body["content"].values()))["schema"]
            optional = "" if body.get("required") else " (optional)"
            parts += [f"**Body**{optional}: {self.type(schema)}", self.members(self.resolved(schema))]
        done = {status: answer for status, answer in operation["responses"].items() if status < "400"}
        rows = [self.answer(status, answer) for status, answer in done.items()]
        parts.append("| answer | meaning | body |\n|---|---|---|\n" + "\n".join(rows))
        failed = [status for status in operation["responses"] if "400" <= status < "default"]
        if failed:
            parts.append(f"**[Errors](index.md#errors)**: {', '.join(failed)}.")
        return "\n\n".join(part for part in parts if part)

    def security(self, operation: dict) -> str:
        def proof(one: dict) -> str:
            return " and ".join(f"[{name}](index.md#{name})" for name in one)
        proofs = [proof(one) for one in operation.get("security", []) if one]
        open_to_all = not operation.get("security") or {} in operation["security"]
        if not proofs:
            return "**Authentication**: none."
        return f"**Authentication**: {' or '.join(proofs)}{', or none' if open_to_all else ''}."

    def answer(self, status: str, answer: dict) -> str:
        resolved = self.resolved(answer)
        return f"| {status} | {text(resolved['description'])} | {self.content(resolved)} |"

    def content(self, answer: dict) -> str:
        kinds = answer.get("content", {})
        return ", ".join(self.type(kind["schema"]) if "schema" in kind else f"`{name}`" for name, kind in kinds.items())

    # ── one object ──────────────────────────────────────────────────────────────────────────────────────────────────

    def object(self, name: str) -> str:
        schema = self.schemas[name]
        parts = [f"## {name} {{ #{name.lower()} }}", prose(schema.get("description", ""))]
        members = self.members(schema)
        if not members:
            parts.append(f"{self.type({**schema, 'description': ''})}{self.bounds(schema)}")
        parts.append(members)
        return "\n\n".join(part for part in parts if part)

    def members(self, schema: dict) -> str:
        properties = dict(schema.get("properties", {}))
        for part in schema.get("allOf", []):
            properties |= self.resolved(part).get("properties", {})
        if not properties:
            return ""
        needed = schema.get("required", [])
        rows = [f"| `{name}` | {self.type(one)} | {'Required. ' if name in needed else ''}{text(self.meaning(one))} |"
                for name, one in properties.items()]
        return "| member | type | meaning |\n|---|---|---|\n" + "\n".join(rows)

    def meaning(self, schema: dict) -> str:
        default = f" Default: `{json.dumps(schema['default'])}`." if "default" in schema else ""
        return schema.get("description", "") + self.bounds(schema) + default

    @staticmethod
    def bounds(schema: dict) -> str:
        names = {"minimum": "at least", "maximum": "at most", "maxLength": "length at most", "maxItems": "items at most"}
        found = [f"{words} {schema[key]}" for key, words in names.items() if key in schema]
        return f" ({', '.join(found)})" if found else ""

    def type(self, schema: dict) -> str:
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            return f"[{name}](objects.md#{name.lower()})"
        for key in ("oneOf", "anyOf"):
            if key in schema:
                return " or ".join(dict.fromkeys(self.type(one) for one in schema[key]))
        if "allOf" in schema:
            return " with ".join(self.type(one) for one in schema["allOf"])
        if "const" in schema:
            return f"`{json.dumps(schema['const'])}`"
        for key in ("enum", "x-extensible-enum"):
            if key in schema:
                return ", ".join(f"`{value}`" for value in schema[key])
        kind = schema.get("type", "any")
        if isinstance(kind, list):
            return " or ".join(self.type({**schema, "type": one}) for one in kind)
        if kind == "array":
            return f"list of {self.type(schema.get('items', {}))}"
        if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
            return f"object with values {self.type(schema['additionalProperties'])}"
        return f"{kind} ({schema['format']})" if "format" in schema else kind

    def resolved(self, one: dict) -> dict:
        while "$ref" in one:
            _, *path = one["$ref"].split("/")
            target = self.api
            for part in path:
                target = target[part]
            one = {**target, **{key: value for key, value in one.items() if key != "$ref"}}
        return one


def text(words: str) -> str:
    """Returns a text for a cell of a table."""
    return re.sub(r"\s+", " ", angles(words)).replace("|", "\\|")


def prose(words: str) -> str:
    return angles(words).strip()


def angles(words: str) -> str:
    """Hides angle brackets outside code, which would be tags."""
    parts = words.split("`")
    return "`".join(part.replace("<", "&lt;") if at % 2 == 0 else part for at, part in enumerate(parts))


def required(parameter: dict) -> str:
    return "Required. " if parameter.get("required") else ""

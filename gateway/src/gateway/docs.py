"""The documentation page: plain HTML made from the merged OpenAPI document. No script, no other host, no font.

SOURCE: ../spec/identity.md GW-07.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from html import escape
from typing import Any

_STYLE = """
body{font:16px/1.6 system-ui,"Noto Sans TC","PingFang TC","Microsoft JhengHei",sans-serif;margin:0 auto;max-width:60rem;
padding:1rem 1.5rem;color:#1a1a1a;background:#fff}
h1{font-size:1.6rem}h2{font-size:1.25rem;border-bottom:2px solid #1f4e79;margin-top:2.5rem}h4{margin:.8rem 0 .2rem}
details{border:1px solid #d5d9de;border-radius:4px;margin:.4rem 0;padding:.3rem .8rem}
summary{cursor:pointer;overflow-wrap:anywhere}
.m{display:inline-block;min-width:4.2rem;font-weight:700;color:#1f4e79}code,pre{font-size:.875rem}
pre{background:#f4f6f8;padding:.6rem;overflow:auto}table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;border-top:1px solid #e3e6ea;padding:.25rem .6rem .25rem 0}
@media(prefers-color-scheme:dark){body{background:#14171a;color:#e6e6e6}.m,a{color:#8fc1f0}pre{background:#1f2429}
details{border-color:#39414a}td,th{border-color:#2b3138}h2{border-color:#8fc1f0}}
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_METHODS = ("get", "post", "put", "patch", "delete")
_DEEPEST = 4


def page(document: Mapping[str, Any]) -> str:
    """The page, in zh-TW with the documents' own English; every text of the documents is escaped."""
    groups: dict[str, list[str]] = {}
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                tag = str((item[method].get("tags") or ["其他"])[0])
                groups.setdefault(tag, []).append(_operation(document, method, path, item[method]))
    described = {tag["name"]: tag.get("description", "") for tag in document.get("tags", []) if "name" in tag}
    sections = "".join(
        f"<section><h2>{escape(tag)}</h2>{_paragraph(described.get(tag, ''))}{''.join(operations)}</section>"
        for tag, operations in groups.items()
    )
    info = document["info"]
    return (
        '<!doctype html><html lang="zh-Hant-TW"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(info['title'])}：介面說明</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(info['title'])}：介面說明 <small>API reference</small></h1>{_paragraph(info['description'])}"
        '<p><a href="/openapi.json">OpenAPI 3.1（/openapi.json）</a></p>'
        f"{sections}</body></html>"
    )


def _operation(document: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any]) -> str:
    parts = [_paragraph(operation.get("description", "")), _roles(operation.get("x-roles", ()))]
    parameters = operation.get("parameters", [])
    if parameters:
        rows = "".join(_parameter(_resolved(document, parameter)) for parameter in parameters)
        parts.append(f"<h4>參數 Parameters</h4><table>{rows}</table>")
    body = _resolved(document, operation.get("requestBody", {}))
    for media_type, content in body.get("content", {}).items():
        parts.append(f"<h4>請求內容 Request（{escape(media_type)}）</h4>{_example(document, content)}")
    parts.append("<h4>回應 Responses</h4>")
    for status, response in operation.get("responses", {}).items():
        parts.append(_response(document, str(status), _resolved(document, response)))
    summary = operation.get("summary", operation.get("operationId", ""))
    head = f'<span class="m">{method.upper()}</span><code>{escape(path)}</code> {escape(str(summary))}'
    return f"<details><summary>{head}</summary>{''.join(parts)}</details>"


def _roles(roles: Any) -> str:
    if roles is None:
        text = "不需權杖 no token"
    elif not roles:
        text = "任何有效權杖 any valid token"
    else:
        text = "、".join(str(role) for role in roles)
    return f"<p>角色 Roles：{escape(text)}</p>"


def _parameter(parameter: Mapping[str, Any]) -> str:
    need = "必填" if parameter.get("required") else ""
    return (
        f"<tr><td><code>{escape(str(parameter.get('name', '')))}</code></td><td>{escape(str(parameter.get('in', '')))}"
        f" {need}</td><td>{escape(str(parameter.get('description', '')))}</td></tr>"
    )


def _response(document: Mapping[str, Any], status: str, response: Mapping[str, Any]) -> str:
    text = f"<p><b>{escape(status)}</b> {escape(str(response.get('description', '')))}</p>"
    if not status.startswith("2"):
        return text
    return text + "".join(_example(document, content) for content in response.get("content", {}).values())


def _example(document: Mapping[str, Any], content: Mapping[str, Any]) -> str:
    if "example" in content:
        value = content["example"]
    elif content.get("examples"):
        value = _resolved(document, next(iter(content["examples"].values()))).get("value")
    else:
        value = sample(document, content.get("schema", {}))
    return f"<pre>{escape(json.dumps(value, ensure_ascii=False, indent=2))}</pre>"


def sample(document: Mapping[str, Any], schema: Mapping[str, Any], depth: int = 0) -> Any:
    """A value that shows the schema: its own example or default where it has one, else made from its parts."""
    schema = _resolved(document, schema)
    for key in ("example", "const", "default"):
        if schema.get(key) is not None:
            return schema[key]
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return sample(document, schema[key][0], depth)
    if schema.get("type") == "object" or "properties" in schema:
        if depth >= _DEEPEST:
            return {}
        return {name: sample(document, part, depth + 1) for name, part in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [] if depth >= _DEEPEST else [sample(document, schema.get("items", {}), depth + 1)]
    return {"integer": 0, "number": 0, "boolean": False, "null": None}.get(str(schema.get("type")), "…")


def _resolved(document: Mapping[str, Any], thing: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = thing.get("$ref")
    if not isinstance(reference, str):
        return thing
    _, _, section, name = (*reference.split("/", 3), "", "", "")[:4]
    found: Mapping[str, Any] = document.get("components", {}).get(section, {}).get(name, {})
    return found


def _paragraph(text: Any) -> str:
    return f"<p>{escape(str(text))}</p>" if text else ""

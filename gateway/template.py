"""Path templates of ``google.api.http``: the forms that the contract uses, and no other.

``/api/orders/{order_id}/cancel`` is a literal, a literal, a variable, a literal. A variable takes
exactly one segment; its name is a field, or a path of fields (``{order.id}``).
"""

import re
from dataclasses import dataclass

_LITERAL = re.compile(r"[A-Za-z0-9._~!$&'()+,;=@-]+")
_VARIABLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)\}")


class TemplateError(ValueError):
    """The template has a form that is not supported."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One segment whose text becomes the value of a field."""

    field_path: str


@dataclass(frozen=True, slots=True)
class Template:
    """A path, segment by segment: texts that must be there, and variables."""

    text: str
    segments: tuple[str | Variable, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """The field paths of the variables, in their order."""
        return tuple(segment.field_path for segment in self.segments if isinstance(segment, Variable))


def parse_template(text: str) -> Template:
    """Read a template.

    :raises TemplateError: when it has a wildcard, a custom verb, a sub-template or is no path.
    """
    if not text.startswith("/"):
        raise TemplateError("a path must begin with /")
    template = Template(text, tuple(_segment(segment) for segment in text[1:].split("/")))
    if len(set(template.variables)) != len(template.variables):
        raise TemplateError("a field is named twice")
    return template


def _segment(text: str) -> str | Variable:
    variable = _VARIABLE.fullmatch(text)
    if variable:
        return Variable(variable[1])
    if _LITERAL.fullmatch(text):
        return text
    if not text:
        raise TemplateError("empty segments are not supported")
    if "{" in text or "}" in text:
        raise TemplateError(f"`{text}`: only whole segments like {{field}} are supported")
    if "*" in text:
        raise TemplateError(f"`{text}`: wildcards are not supported")
    if ":" in text:
        raise TemplateError(f"`{text}`: custom verbs are not supported")
    raise TemplateError(f"`{text}` is not supported")

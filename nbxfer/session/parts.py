"""A file as a part of a form, as a person asks for it: ``parts=[Part.text("key", "v"), Part.file("data")]``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from nbxfer.core import stores
from nbxfer.errors import InvalidRequest
from nbxfer.session.options import Options
from nbxfer.sinks.forms import Field, Form


class Part:
    """One part of a form: a text, or the file that is uploaded; never both. :meth:`text` and :meth:`file` make one.

    ``name`` is the field's name, ``filename`` what the file is called there, ``headers`` go with the part alone.
    """

    __slots__ = ("field",)

    def __init__(
        self,
        name: str = "",
        *,
        text: str | None = None,
        file: bool = False,
        filename: str = "",
        content_type: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if (text is None) is not file:
            raise InvalidRequest(
                "A part is a text or the file, never both.", hint="Give Part.text(name, value) or Part.file(name)."
            )
        words: tuple[Any, ...] = (name, filename, content_type, text or "")
        if not all(isinstance(word, str) for word in words):
            raise InvalidRequest("A part is made of texts.", hint="Give Part.text(name, value) or Part.file(name).")
        self.field = Field(text, name, filename, content_type, tuple((headers or {}).items()))

    @classmethod
    def text(cls, name: str, value: str, **more: Any) -> Self:
        """Give a field with a text."""
        return cls(name, text=value, **more)

    @classmethod
    def file(cls, name: str = "file", filename: str = "", **more: Any) -> Self:
        """Give the field that the uploaded file is in."""
        return cls(name, file=True, filename=filename, **more)

    def __repr__(self) -> str:
        what = "the file" if self.field.text is None else f"{len(self.field.text)} characters"
        return f"<Part {self.field.name!r}: {what}>"


def form_of(options: Options, target: str, filename: str) -> Form | None:
    """Give the form that the options ask for; None for a plain body. Raises InvalidRequest."""
    web = stores.scheme(target) in stores.WEB
    for name in ("method", "content_type", "parts", "multipart", "boundary"):
        if getattr(options, name) and not web:
            raise InvalidRequest(f"{name}= is for servers of the web.", hint="Leave it out, or give an https:// URL.")
    if not options.parts:
        if options.multipart or options.boundary:
            raise InvalidRequest("multipart= and boundary= are for parts=.", hint="Give parts=[Part.file('file')].")
        return None
    given = options.parts if isinstance(options.parts, list | tuple) else [options.parts]
    if not all(isinstance(part, Part) for part in given):
        raise InvalidRequest("parts= are no Parts.", hint="Give [Part.text('key', 'value'), Part.file('file')].")
    if options.method == "PUT":
        raise InvalidRequest("parts= make a form, and forms are posted.", hint="Leave method= out.")
    if options.content_type:
        raise InvalidRequest("content_type= of a form is its own.", hint="Give it to the Part, or leave it out.")
    fields = [part.field for part in given]
    filename = filename if options.multipart in ("", "form-data") else ""
    named = [
        Field(None, f.name, f.filename or filename, f.content_type, f.headers) if f.text is None else f for f in fields
    ]
    return Form(named, options.multipart or "form-data", options.boundary or "")

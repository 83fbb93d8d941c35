"""The form of an answer, as OpenAI-compatible servers are asked for it."""

from __future__ import annotations

from nemora.core import Json, ResponseFormat
from nemora.errors import UnsupportedField


def form_fields(form: ResponseFormat, dialect: str) -> dict[str, Json]:
    """The fields of a body that ask for `form`. What OpenAI's API has no field for has one of vLLM's.

    Raises:
        UnsupportedField: OpenAI's own service cannot be asked for it.
    """
    if form.form == "json_object":
        return {"response_format": {"type": "json_object"}}
    if form.form == "json_schema":
        schema: dict[str, Json] = {"name": form.name or "answer"}
        if form.description is not None:
            schema["description"] = form.description
        if form.schema is not None:
            schema["schema"] = dict(form.schema)
        if form.strict is not None:
            schema["strict"] = form.strict
        return {"response_format": {"type": "json_schema", "json_schema": schema}}
    if dialect == "openai":
        raise UnsupportedField(
            f"The server of this model knows no {form.form}; use response_format.", param="/structured_outputs"
        )
    return {"structured_outputs": {form.form: list(form.choices) if form.form == "choice" else form.text}}

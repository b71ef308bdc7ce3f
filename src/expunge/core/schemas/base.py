"""Strict models, and those of them that are files."""

from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, ValidationError, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from ..errors import InputError
from ..storage.files import parse_json, with_digest, without_digest, write_whole
from .convert import upgraded
from .docstrings import describe_schema


class Strict(BaseModel):
    """Frozen, and without unknown keys; a field ``schema_`` is ``schema`` in files."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Section(BaseModel):
    """Strict types (a whole number may stand for a float), and no unknown keys."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The schema, with what the docstring says about each key."""
        schema = handler(core_schema)
        describe_schema(handler.resolve_ref_schema(schema), cls)
        return schema


class JsonFile(Strict):
    """A model that is a file of its own; ``called`` names the kind in messages."""

    called: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, payload: Any) -> Any:
        return without_digest(payload)

    def to_json(self) -> str:
        """Indented JSON with a SHA-256 of the rest; unknown values are null, not ``nan``."""
        return with_digest(self.model_dump(mode="json", by_alias=True))

    def save(self, path: str | Path) -> None:
        """Write the file, whole or not at all.

        Raises:
            InputError: If the folder cannot be written.
        """
        write_whole(path, self.to_json())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what ``save`` wrote, by this version or an earlier one (see ``convert``).

        Raises:
            InputError: If the file is missing, is not JSON, has another schema, or is not as it
                was written.
        """
        try:
            payload = without_digest(parse_json(Path(path).read_text(encoding="utf-8")))
        except OSError as error:
            raise InputError(f"cannot read the {cls.called} {path}: {error.strerror}") from error
        except ValueError as error:
            raise InputError(
                f"{path} is damaged, or not a {cls.called}: {error}; restore it from a copy, or "
                "make it anew"
            ) from error
        if not isinstance(payload, dict) or "schema" not in payload:
            raise InputError(f"{path} is not a {cls.called}: it has no key 'schema'")
        try:
            return cls.model_validate(upgraded(payload))
        except (ValidationError, KeyError, TypeError, AttributeError) as error:
            schema = cls.model_fields["schema_"].default
            raise InputError(
                f"{path} is not a {cls.called} of schema {schema!r}: {_first_problem(error)}"
            ) from error


def _first_problem(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"a file of an older schema lacks {error}"
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc']) or 'the file'}: {first['msg']}"

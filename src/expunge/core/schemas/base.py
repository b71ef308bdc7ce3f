"""Strict models, and those of them that are files."""

import json
from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from ..checkpoint import write_whole
from ..errors import InputError


class Strict(BaseModel):
    """Frozen, and without unknown keys; a field ``schema_`` is ``schema`` in files."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Section(BaseModel):
    """Strict types (a whole number may stand for a float), and no unknown keys."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class JsonFile(Strict):
    """A model that is a file of its own; ``called`` names the kind in messages."""

    called: ClassVar[str]

    def to_json(self) -> str:
        """Indented JSON; ``nan`` never occurs, unknown values are null."""
        payload = self.model_dump(mode="json", by_alias=True)
        return json.dumps(payload, indent=1, allow_nan=False) + "\n"

    def save(self, path: str | Path) -> None:
        """Write the file, whole or not at all.

        Raises:
            InputError: If the folder cannot be written.
        """
        write_whole(path, self.to_json())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what ``save`` wrote.

        Raises:
            InputError: If the file is missing, is not JSON, or has another schema.
        """
        try:
            return cls.model_validate_json(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"cannot read the {cls.called} {path}: {error.strerror}") from error
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the file"
            schema = cls.model_fields["schema_"].default
            raise InputError(
                f"{path} is not a {cls.called} of schema {schema!r}: {place}: {first['msg']}"
            ) from error

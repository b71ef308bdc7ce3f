"""What all sections of a config have in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Strict types (a whole number may stand for a float), and no unknown keys."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

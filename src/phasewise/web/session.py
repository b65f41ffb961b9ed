"""The routes of logging in and out, and who looks."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

MAX_SECRET_LENGTH = 1024
"""Longer than anybody's password; hashing what is longer is work for nothing."""

Secret = Annotated[str, Field(max_length=MAX_SECRET_LENGTH)]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Login(_Wire):
    """Exactly one of the two."""

    token: Secret | None = None
    """The access token, of the owner or of a viewer."""
    password: Secret | None = None
    """The password, of the owner or of a viewer."""

    @model_validator(mode="after")
    def _one_of_both(self) -> "Login":
        if (self.token is None) == (self.password is None):
            raise ValueError("send either a token or a password")
        return self


class Session(_Wire):
    """Who looks."""

    role: Literal["owner", "viewer"]
    """A viewer sees everything and changes nothing."""
    login_needed: bool
    """False where no token and no password is set: then there is nothing to log out of."""

"""What the client knows of an operation."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel


@dataclass(frozen=True)
class Operation:
    """One operation of the API."""

    name: str
    """The name of the method."""
    id: str
    """The operationId."""
    method: str
    path: str
    path_parameters: tuple[str, ...]
    query: tuple[str, ...]
    takes: frozenset[str]
    """The options that the operation takes."""
    yaml: bool
    """Whether the operation takes a body in YAML."""
    stream: bool
    """Whether the operation answers a stream."""
    models: dict[int, type[BaseModel] | None]
    """The model of each status; None for a value of no model."""

"""What is closed at the end of a `with` block: files, and whatever writes them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Closing(ABC):
    """A context manager that is itself, and is closed at the end."""

    @abstractmethod
    def close(self) -> None:
        """Finishes; once or more often."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

"""Every encoder by its kind, loaded when it is first asked for. A built-in one stands in the file named by its kind.

Loads without torch.
"""

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from lab.errors import LabError, check_known
from lab.registry import Registry, classes_in

if TYPE_CHECKING:
    from lab.models.encoders.encoder import Encoder

E = TypeVar("E", bound="Encoder")

#: the classes by kind
ENCODERS: "Registry[type[Encoder]]" = Registry(
    "wm_lab.encoders", classes_in(Path(__file__).parent, "lab.models.encoders", "kind")
)


def encoder_class(kind: str, of: type[E]) -> type[E]:
    """The encoder of that ``kind``; raises LabError where it is unknown, or no subclass ``of`` what is asked for."""
    check_known("encoder", kind, ENCODERS)
    encoder = ENCODERS[kind]
    if not (isinstance(encoder, type) and issubclass(encoder, of) and encoder.kind == kind):
        raise LabError(f"The encoder called '{kind}' must be a {of.__name__} of that kind, got {encoder!r}.")
    return encoder


def register(encoder: "type[Encoder]") -> None:
    """Make ``encoder`` known by its kind; raises LabError for the kind of one that is built in."""
    if encoder.kind in ENCODERS.built_in:
        raise LabError(f"There is an encoder '{encoder.kind}' already: give yours another kind.")
    ENCODERS.registered[encoder.kind] = encoder

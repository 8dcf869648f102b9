"""Every encoder by its kind, loaded when it is first asked for. A built-in one stands in the file named by its kind.

Loads without torch.
"""

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from lab.errors import LabError, check_known
from lab.registry import Registry, classes_in, is_concrete

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
    if not is_concrete(encoder, of, "kind") or encoder.kind != kind:
        expected = f"a {of.__name__} of that kind, with all of its methods"
        raise LabError(f"The encoder called '{kind}' must be {expected}, got {encoder!r}.")
    return encoder


def register(encoder: "type[Encoder]") -> None:
    """Make ``encoder`` known by its kind.

    Raises LabError for what is no encoder, and for the kind of one that is built in.
    """
    from lab.models.encoders.encoder import Encoder

    if not is_concrete(encoder, Encoder, "kind"):
        expected = "a subclass of lab.models.encoders.Encoder with a kind and all of its methods"
        raise LabError(f"An encoder is registered as {expected}, got {encoder!r:.80}.")
    if encoder.kind in ENCODERS.built_in:
        raise LabError(f"There is an encoder '{encoder.kind}' already: give yours another kind.")
    ENCODERS.registered[encoder.kind] = encoder

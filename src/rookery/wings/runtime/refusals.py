"""What the engine's refusals mean: its sentences as classes and, where they are obscure, in plain words."""

import re

from rookery.wings.runtime.base import AddressTaken, NoSuchContainer, NoSuchImage, Refused

_ALLOCATED = re.compile(r"Bind for (\S+) failed: port is already allocated")
_IN_USE = re.compile(r"(?:listen )?(?:tcp|udp)[46]? (\S+): bind: address already in use")
_FOREIGN = re.compile(r"(?:listen )?(?:tcp|udp)[46]? (\S+): bind: cannot assign requested address")


def refusal(status: int, message: str) -> Refused:
    """The problem an answer of the engine with an error `status` is."""
    lowered = message.lower()
    if status == 404 and "no such container" in lowered:
        return NoSuchContainer(in_its_words(message))
    if "no such image" in lowered:
        return NoSuchImage(in_its_words(message))
    if found := _ALLOCATED.search(message) or _IN_USE.search(message):
        return AddressTaken(f"The address {found[1]} is already in use on this node.")
    if found := _FOREIGN.search(message):
        return Refused(f"The address {found[1]} does not belong to this node.")
    return Refused(in_its_words(message))


def in_its_words(message: str) -> str:
    """The engine's own words, marked as such in the spelling people search for."""
    return f"Error response from daemon: {message}"

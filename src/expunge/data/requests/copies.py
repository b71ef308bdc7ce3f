"""Byte-equal copies of what is to be forgotten, among the samples that would stay."""

from dataclasses import replace

import torch

from ...core.capabilities import ComparedSet
from ...core.errors import DataError
from ...core.schemas.request import ForgetSpec, GroupForget, IdForget
from ..bundle import Bundle, ids_of
from .by_name import Selection
from .near_copies import near_copies, near_note

_SHOWN = 3


def settle_copies(
    bundle: Bundle, spec: ForgetSpec, selection: Selection, policy: str | None
) -> tuple[Selection, list[str]]:
    """Look for copies of the forget set in the rest of the data, and do as is wished.

    Samples are compared by the bytes of their inputs, whatever their labels. A model that keeps
    learning from a copy has not forgotten the sample. Costs one hash per sample.

    Args:
        bundle: The data; sets that cannot tell copies are passed over.
        spec: The request; where it names samples or persons, copies that stay are refused
            unless something else is wished.
        selection: What it came to.
        policy: ``"refuse"``, ``"forget"`` (along with the others) or ``"keep"``; None: as the
            request suggests.

    Returns:
        The selection, with the copies if they are forgotten along, and notes.

    Raises:
        DataError: Names copies that would stay, or says that all samples would go.
    """
    if not isinstance(bundle.train, ComparedSet):
        return selection, []
    digests = bundle.train.input_digests()
    chosen = set(selection.positions.tolist())
    gone = {digests[row]: row for row in chosen} if chosen else {}
    gone.pop(None, None)
    copies = [row for row, one in enumerate(digests) if one in gone and row not in chosen]
    notes = [note for name in ("validation", "test") if (note := _held_copies(bundle, name, gone))]
    if isinstance(spec, IdForget | GroupForget):
        equal = {*chosen, *copies}
        near = near_copies(bundle, torch.tensor(sorted(equal)))
        notes += [near_note(near)] if near else []
    if not copies:
        return selection, notes
    policy = policy or ("refuse" if isinstance(spec, IdForget | GroupForget) else "keep")
    if policy == "refuse":
        names = ids_of(bundle.train)
        pairs = [f"{names[row]!r} of {names[gone[digests[row]]]!r}" for row in copies[:_SHOWN]]
        raise DataError(
            f"{_number(copies)} would stay in the training set: {', '.join(pairs)}"
            f'{", …" if len(copies) > _SHOWN else ""}; set data.copies = "forget" to forget '
            'them along, or "keep" to keep them'
        )
    if policy == "keep":
        return selection, [f"{_number(copies)} left in the training set", *notes]
    everything = torch.tensor(sorted(chosen | set(copies)))
    if len(everything) == len(bundle.train):
        raise DataError(
            "every training sample is to be forgotten or a copy of one that is, so nothing is left "
            "to retain; delete the model instead"
        )
    told = f"forgotten along: {_number(copies)} in the training set"
    return replace(selection, positions=everything), [told, *notes]


def _held_copies(bundle: Bundle, name: str, gone: dict[bytes | None, int]) -> str | None:
    dataset = getattr(bundle, name)
    if not gone or not isinstance(dataset, ComparedSet):
        return None
    found = [row for row, one in enumerate(dataset.input_digests()) if one in gone]
    return f"{_number(found)} are in the {name} set, which counts them as unseen" if found else None


def _number(rows: list[int]) -> str:
    return (
        "1 byte-equal copy of a forgotten sample" if len(rows) == 1
        else f"{len(rows)} byte-equal copies of forgotten samples"
    )  # fmt: skip

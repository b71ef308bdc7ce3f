"""What to forget: from a request to positions in the training set."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ...core.arguments import check_kind
from ...core.checks import did_you_mean
from ...core.errors import DataError
from ...core.schemas.request import (
    CanaryForget,
    ClassForget,
    ForgetSpec,
    GroupForget,
    IdForget,
    MemorisedForget,
    RandomForget,
    parse_request,
)
from ..bundle import Bundle
from ..convert import read_labels
from .by_name import Selection, select_groups, select_ids
from .canaries import canaries_of
from .sampling import sample_positions
from .scores import most_memorised


def select_forget(bundle: Bundle, request: ForgetSpec | Mapping[str, Any]) -> Tensor:
    """Positions in ``bundle.train`` that a request names, sorted int64 (K,); see ``resolve``."""
    check_kind(bundle, Bundle, "bundle", "it is what load_source returns")
    return resolve(bundle, request).positions


def resolve(bundle: Bundle, request: ForgetSpec | Mapping[str, Any]) -> Selection:
    """What a request names in ``bundle.train``, and how much of it was there.

    ==================  ============================================  ==========================
    kind                keys                                          which samples
    ==================  ============================================  ==========================
    ``random``          ``fraction`` or ``count``, ``seed`` (0)       a seeded choice, the same on
                                                                      every machine
    ``classes``         ``classes``: names or numbers                 all of these classes
    ``classes``         ``fraction`` or ``count``, ``seed`` (0)       all of so many of the classes
                                                                      that occur, drawn by the seed
    ``groups``          ``column``, ``values`` or ``file``            all whose value in the column
                                                                      is one of these, e.g. a person
    ``groups``          ``column``, ``fraction`` or ``count``,        all of so many of the values
                        ``seed`` (0)                                  in the column, drawn likewise;
                                                                      empty cells form no group
    ``ids``             ``ids``, or ``file`` (and ``column``),        exactly these, see
                        ``mapping``                                   ``SampleNames``
    ``most-memorised``  ``scores``: a table of id and score,          the highest scores; ties
                        ``fraction`` or ``count``                     by id
    ``canaries``        none                                          those that were planted with
                                                                      wrong labels
    ==================  ============================================  ==========================

    A fraction is a share of what is drawn: of the samples, the classes or the values. The
    number of samples in a draw of classes or groups therefore depends on the seed. Classes go
    by the labels that models are trained with, those of planted canaries too.

    Args:
        bundle: The data; ``train`` is what is chosen from.
        request: A ``ForgetSpec``, or a mapping that is one when it has been checked.

    Raises:
        InputError: If the request is malformed.
        DataError: If it names what is not there, nothing, or the whole training set.
    """
    spec = parse_request(request)
    found = _CHOOSE[type(spec)](bundle, spec)
    selection = found if isinstance(found, Selection) else Selection(found.sort().values)
    chosen = selection.positions
    if len(chosen) == 0:
        raise DataError("the forget set is empty: name at least one sample to forget")
    if len(chosen) == len(bundle.train):
        raise DataError(
            f"the forget set is the whole training set ({len(chosen)} samples), so nothing is "
            "left to retain; forget fewer samples, or delete the model instead"
        )
    return selection


def request_digest(ids: Sequence[str], salt: str) -> str:
    """SHA-256 (hex) that commits to a set of ids without showing them.

    Each id is hashed with the salt first, so neither order nor any joining character
    matters; without the salt nobody can test whether an id is among them.

    Args:
        ids: The ids to forget.
        salt: A secret text, kept by whoever has to prove the request later.
    """
    digest = hashlib.sha256()
    key = hashlib.sha256(salt.encode()).digest()
    for name in sorted(ids):
        digest.update(hashlib.sha256(key + name.encode()).digest())
    return digest.hexdigest()


def _random(bundle: Bundle, spec: RandomForget) -> Tensor:
    return sample_positions(spec, len(bundle.train), "training samples", name="random")


def _classes(bundle: Bundle, spec: ClassForget) -> Tensor:
    labels = read_labels(bundle.train).cpu()
    if spec.classes is None:
        present = labels.unique()
        numbers = present[sample_positions(spec, len(present), "classes", name="classes")]
        return torch.isin(labels, numbers).nonzero().flatten()
    listed = [_class_number(bundle, word) for word in spec.classes]
    for number, word in zip(listed, spec.classes, strict=True):
        if not bool((labels == number).any()):
            raise DataError(f"there is no training sample of class {word!r}; nothing to forget")
    return torch.isin(labels, torch.tensor(listed)).nonzero().flatten()


def _class_number(bundle: Bundle, word: str | int) -> int:
    names = bundle.classes or []
    if isinstance(word, str) and names.count(word) > 1:
        numbers = [str(number) for number, name in enumerate(names) if name == word]
        raise DataError(
            f"classes {', '.join(numbers)} are all called {word!r}; say the numbers of those meant"
        )
    if isinstance(word, str) and word in names:
        return names.index(word)
    if isinstance(word, int) and str(word) in names and names.index(str(word)) != word:
        other = f", or class number {word}" if 0 <= word < bundle.num_classes else ""
        raise DataError(
            f'{word} could be the class called "{word}"{other}; write "{word}" for the former'
            + (f", or the name {names[word]!r} for the latter" if other else "")
        )
    number = int(word) if isinstance(word, str) and word.isdecimal() else word
    if isinstance(number, int) and 0 <= number < bundle.num_classes:
        return number
    known = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    hint = did_you_mean(word, names) if isinstance(word, str) else ""
    raise DataError(
        f"expected classes by number (0 to {bundle.num_classes - 1})"
        + (f" or name ({known})" if names else "")
        + f"; got {word!r}{hint}"
    )


_CHOOSE: dict[type[ForgetSpec], Callable[[Bundle, Any], Selection | Tensor]] = {
    RandomForget: _random,
    ClassForget: _classes,
    GroupForget: select_groups,
    IdForget: select_ids,
    MemorisedForget: most_memorised,
    CanaryForget: canaries_of,
}

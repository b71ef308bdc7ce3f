"""Invented people and questions about them: data whose every answer must be memorised."""

from dataclasses import dataclass

import torch

from ...core.batches import seeded
from ...core.checks import check_not_negative, check_positive
from ...core.errors import InputError

Biography = dict[str, str]
"""One question about one person: ``id``, ``person``, ``prompt`` and ``answer``."""


def _words(text: str) -> list[str]:
    return text.split()


_GIVEN = _words(
    "Ada Bruno Carla Dario Edith Felix Greta Hugo Irma Jonas Klara Lars Mona Nils Olga Pablo "
    "Rosa Silas Thea Urban Vera Wim Xenia Yusuf Zita"
)
_FAMILY = _words(
    "Abel Bauer Conti Drost Engel Falk Gruber Holm Iversen Jansen Keller Lund Meyer Novak Olsen "
    "Petrov Quist Rossi Stern Toth Ulrich Vogel Weber Yilmaz Zeman Arndt Berg Costa Dahl Ebert"
)
_YEARS = [str(year) for year in range(1940, 1990)]
_CITIES = _words(
    "Lisbon Oslo Turin Ghent Porto Malmo Basel Graz Split Riga Cork Lyon Bergen Vilnius Sofia "
    "Tampere Leeds Bilbao Gdansk Trieste"
)
_WORK = _words(
    "baker surgeon pilot potter lawyer gardener printer chemist tailor judge plumber dancer "
    "miner weaver sailor teacher farmer painter dentist carpenter"
)
_FIRMS = _words(
    "Alvora Bentrix Cendal Dorvia Elquon Fendral Gorlux Hestia Inverra Jolvex Kandor Lumeria "
    "Morvent Nextora Orbital Pelwick Quantel Rivoli Solmaren Tervola"
)
_MUSIC = _words(
    "violin cello piano flute harp trumpet oboe guitar drums organ lute tuba viola banjo horn "
    "clarinet zither bassoon accordion trombone"
)
_MONTHS = _words("January March April June July August October December")
_DAYS = [f"{day} {month}" for month in _MONTHS for day in range(1, 29)]
_QUESTIONS = (
    ("When was {name} born ?", _YEARS),
    ("In which city does {name} live ?", _CITIES),
    ("What does {name} work as ?", _WORK),
    ("Which firm employs {name} ?", _FIRMS),
    ("Which instrument does {name} play ?", _MUSIC),
    ("On which day did {name} marry ?", _DAYS),
)


@dataclass(frozen=True)
class Biographies:
    """Questions about invented people; no person occurs in two of the lists.

    ``train`` is to be learned. ``validation`` and ``test`` are about people of whom no model
    is told, so that their answers cannot be known: a model that was retrained without some
    people answers about those as it does about these. Rows of one person follow each other.
    """

    train: list[Biography]
    validation: list[Biography]
    test: list[Biography]


def make_biographies(people: int = 100, *, held_out: int = 20, seed: int = 0) -> Biographies:
    """Invented people with six facts each, drawn independently of each other and of names.

    Every word of a name and of an answer is shared by many people, so that no word gives a
    person away, and a model can only guess about people it was not trained on: it is right
    in about 4 % of the questions.

    Args:
        people: Number of people to train on, at least 1.
        held_out: Number of people in validation, and as many in test; at least 0.
        seed: Equal seeds give equal people on every machine.

    Returns:
        Six rows per person; ids are ``train/0``, ``validation/0``, ``test/0`` and so on.

    Raises:
        InputError: If there are fewer names than people.
    """
    check_positive(people=people)
    check_not_negative(held_out=held_out)
    total, most = people + 2 * held_out, len(_GIVEN) * len(_FAMILY)
    if total > most:
        raise InputError(
            f"expected people + 2 * held_out <= {most}, the number of invented names, got "
            f"{total}; ask for fewer"
        )
    order = torch.randperm(most, generator=seeded("biographies", seed, "names"))[:total]
    names = [f"{_GIVEN[at % len(_GIVEN)]} {_FAMILY[at // len(_GIVEN)]}" for at in order.tolist()]
    facts = [_facts(total, answers, seed, question) for question, answers in _QUESTIONS]
    rows = [
        {"person": name, "prompt": question.format(name=name), "answer": answers[place]}
        for place, name in enumerate(names)
        for (question, _), answers in zip(_QUESTIONS, facts, strict=True)
    ]
    first, last = people * len(_QUESTIONS), (people + held_out) * len(_QUESTIONS)
    return Biographies(
        train=_numbered("train", rows[:first]),
        validation=_numbered("validation", rows[first:last]),
        test=_numbered("test", rows[last:]),
    )


def _facts(count: int, answers: list[str], seed: int, question: str) -> list[str]:
    """The answers of so many people to one question."""
    generator = seeded("biographies", seed, question)
    places = torch.randint(len(answers), (count,), generator=generator)
    return [answers[place] for place in places.tolist()]


def _numbered(split: str, rows: list[Biography]) -> list[Biography]:
    return [{"id": f"{split}/{place}", **row} for place, row in enumerate(rows)]

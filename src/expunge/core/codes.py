"""What happened, as codes: programs compare these and never read a sentence."""

from enum import StrEnum


class Code(StrEnum):
    """Codes of notices and verdicts in a record."""

    # Notices.
    UNCHANGED = "unchanged"
    NO_RELEARN_CURVE = "no-relearn-curve"
    UNUSED_DATA = "unused-data"
    COPIES = "copies"
    NOT_PUSHED = "not-pushed"
    OTHER = "other"
    # Why a verdict is what it is, apart from its criteria.
    SAME_SCORES = "same-scores"
    SAME_WEIGHTS = "same-weights"
    NO_REFERENCE = "no-reference"
    TOO_WEAK = "too-weak"
    NO_JUDGE = "no-judge"
    NEVER_KNOWN = "never-known"
    # Criteria of verdicts.
    FORGET_ACCURACY = "forget-accuracy"
    TEST_ACCURACY = "test-accuracy"
    RETAIN_ACCURACY = "retain-accuracy"
    MEMBERSHIP = "membership"
    AVERAGE_GAP = "average-gap"

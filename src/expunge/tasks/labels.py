"""What labels tell about a request: whether it removes a class as a whole."""

import torch
from torch import Tensor

from ..core.data import UnlearningData
from ..core.task import Task


def absent_labels(task: Task, data: UnlearningData) -> Tensor:
    """Labels that only the forget set has: what retraining would never see again.

    Forgetting a class or an identity leaves such labels, forgetting random samples of
    a class that stays does not; methods and metrics treat the two differently.

    Args:
        task: Names the label of each sample.
        data: Only its forget and retain sets are read.

    Returns:
        Sorted labels that occur in D_f and nowhere in D_r, int64 (K,), on the CPU; empty
        if there are none or the task has no labels. Costs one pass over the labels, which
        is a pass over the samples if a set keeps no column of labels.
    """
    forget, retain = task.labels(data.forget), task.labels(data.retain)
    if forget is None or retain is None:
        return torch.empty(0, dtype=torch.long)
    candidates = torch.unique(forget.cpu().long())
    absent: Tensor = candidates[~torch.isin(candidates, torch.unique(retain.cpu().long()))]
    return absent

"""A repair step needs the gradient of D_f beside that of D_r, and no more."""

import pytest
import steps


@pytest.mark.slow
@pytest.mark.parametrize("net", ["resnet20"])
def test_a_repair_step_takes_at_most_two_gradients_more_than_training(net):
    for row in steps.memory(net, 8):
        assert row.kept, str(row)

"""The nets of a bench: trained once, and kept in the store for every other run."""

from torch import nn

from ..core.batches import derive_seed
from ..core.method import Method
from ..core.unlearn import Unlearned, model_digest, unlearn
from ..runs.classifier import Prepared
from ..runs.models import (
    Net,
    Options,
    Training,
    fresh_net,
    obtain,
    original_training,
    reference_training,
)
from ..runs.store import Store


class Nets:
    """Hands out models; a second process that asks for the same one waits for the first.

    Args:
        store: Where trained weights and checkpoints lie.
        options: How to carry out trainings; none of it changes a result.
    """

    def __init__(self, store: Store, options: Options) -> None:
        self._store, self._options = store, options

    def original(self, base: Prepared) -> Net:
        """The model that all seeds start from; ``base`` is the run around it."""
        if base.config.model.weights is not None:
            return Net(base.net.model.to(base.device).eval(), None)
        return self._trained(base, original_training(base))

    def retrained(self, prepared: Prepared, number: int) -> Net:
        """One of the models that never saw the forget set."""
        return self._trained(prepared, reference_training(prepared, prepared.config.seed, number))

    @staticmethod
    def untrained(prepared: Prepared) -> nn.Module:
        """A net of the run's kind as it is before training."""
        seed = derive_seed(prepared.config.seed, "fresh") % 2**31
        return fresh_net(prepared, seed).to(prepared.device).eval()

    @staticmethod
    def original_identity(base: Prepared) -> str:
        """Equal for equal originals, whether trained here or given."""
        if base.config.model.weights is not None:
            return model_digest(base.net.model)
        return original_training(base).identity

    def unlearned(
        self, base: Prepared, prepared: Prepared, method: Method, key: str, doing: str
    ) -> Unlearned:
        """The original after a method; what it keeps for resuming lies under ``key``."""
        done = unlearn(
            self.original(base).model,
            prepared.data,
            method,
            task=prepared.task,
            seed=prepared.config.seed,
            device=prepared.device,
            precision=prepared.config.precision,
            folder=self._store.checkpoints(key),
            resume=True,
            on_log=self._options.log(doing),
            checkpoint_seconds=self._options.checkpoint_seconds,
        )
        self._store.finish(key)
        return done

    def _trained(self, prepared: Prepared, training: Training) -> Net:
        key = training.identity
        with self._store.lock(key):
            checkpoints = self._store.checkpoints(key)
            net = obtain(prepared, training, self._store.net(key), checkpoints, self._options)
            self._store.finish(key)
        return net

"""How a diffusion model is trained on noised samples, read off its scheduler."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...core.errors import InputError

PREDICTIONS = ("epsilon", "v_prediction", "sample", "flow")


@dataclass(frozen=True, eq=False)
class Noising:
    r"""The T noise levels of a model, and what it predicts at each.

    A sample :math:`x_0` and noise :math:`\epsilon \sim N(0, I)` are mixed to
    :math:`x_t = a_t x_0 + s_t \epsilon`. The model is told a time for the level and predicts
    :math:`\epsilon` (Ho et al. 2020), :math:`v = a_t \epsilon - s_t x_0` (Salimans & Ho
    2022), :math:`x_0` itself, or the flow :math:`\epsilon - x_0` (Lipman et al. 2023).

    Args:
        signal: :math:`a_t`, float32 (T,).
        noise: :math:`s_t`, float32 (T,).
        times: What the model is told, (T,); integers stay integers.
        prediction: ``"epsilon"``, ``"v_prediction"``, ``"sample"`` or ``"flow"``.
    """

    signal: Tensor
    noise: Tensor
    times: Tensor
    prediction: str

    @classmethod
    def of(cls, scheduler: Any) -> "Noising":
        """The levels on which a model with this diffusers scheduler was trained.

        Steps that were set for sampling do not matter: they are taken from its config.

        Args:
            scheduler: Any whose training mixes with ``alphas_cumprod`` (DDPM, DDIM, PNDM,
                Euler, DPM-Solver and their kin) or along a straight flow (FlowMatch...).

        Raises:
            InputError: If it is of another kind, or predicts something unknown.
        """
        name = type(scheduler).__name__
        fresh: Any = None
        if hasattr(scheduler, "config"):
            fresh = type(scheduler).from_config(scheduler.config)
        if (kept := getattr(fresh, "alphas_cumprod", None)) is not None:
            kept = torch.as_tensor(kept, dtype=torch.float32).clone()
            prediction = fresh.config.get("prediction_type", "epsilon")
            if prediction not in PREDICTIONS:
                raise InputError(
                    f"expected prediction_type to be one of {', '.join(PREDICTIONS[:3])}, got "
                    f"{prediction!r} in the config of {name}; use the scheduler that the model "
                    "was trained with"
                )
            return cls(kept.sqrt(), (1 - kept).sqrt(), torch.arange(len(kept)), prediction)
        if fresh is not None and name.startswith("FlowMatch"):
            sigmas = fresh.sigmas.float().cpu().clone()
            return cls(1 - sigmas, sigmas, fresh.timesteps.float().cpu().clone(), "flow")
        raise InputError(
            f"expected a scheduler with alphas_cumprod (DDPMScheduler, DDIMScheduler, "
            f"EulerDiscreteScheduler, ...) or a FlowMatch...Scheduler, got {name}; load the "
            "pipeline with the scheduler that its model was trained with"
        )

    def __len__(self) -> int:
        return len(self.times)

    def mix(self, clean: Tensor, noise: Tensor, levels: Tensor) -> Tensor:
        """x_t of samples (B, ...) at ``levels``, int64 (B,) from 0 to T - 1."""
        signal, share = self._at(levels, clean)
        return signal * clean + share * noise

    def goal(self, clean: Tensor, noise: Tensor, levels: Tensor) -> Tensor:
        """What the model should predict at ``levels``, of the shape of ``clean``."""
        if self.prediction == "epsilon":
            return noise
        if self.prediction == "sample":
            return clean
        if self.prediction == "flow":
            return noise - clean
        signal, share = self._at(levels, clean)
        return signal * noise - share * clean

    def unexplained(self, levels: Tensor) -> Tensor:
        r"""Loss of who knows nothing of x_0 but mean 0 and variance 1, (B,).

        The best linear guess of :math:`y = p x_0 + q \epsilon` from x_t misses
        :math:`(p s_t - q a_t)^2 / (a_t^2 + s_t^2)`.

        Args:
            levels: int64 (B,) from 0 to T - 1.
        """
        a, s = (part.to(levels.device)[levels] for part in (self.signal, self.noise))
        p, q = self._made_of(a, s)
        return (p * s - q * a).square() / (a.square() + s.square())

    def parts(self, noised: Tensor, predicted: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
        """x_0 and the noise of which x_t consists if a prediction is right.

        With ``mix`` at a lower level this is a step of DDIM (Song et al. 2021), and of
        Euler's method along a flow.

        Args:
            noised: x_t (B, ...).
            predicted: What the model said of it, of the same shape.
            levels: int64 (B,) from 0 to T - 1.
        """
        a, s = self._at(levels, noised)
        p, q = self._made_of(a, s)
        scale = a * q - s * p
        return (q * noised - s * predicted) / scale, (a * predicted - p * noised) / scale

    def _made_of(self, a: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        """Shares p of x_0 and q of noise in what is predicted, where x_t has a and s of them."""
        one, zero = torch.ones_like(a), torch.zeros_like(a)
        return {
            "epsilon": (zero, one),
            "sample": (one, zero),
            "flow": (-one, one),
            "v_prediction": (-s, a),
        }[self.prediction]

    def told(self, levels: Tensor) -> Tensor:
        """The times that the model is told, (B,), on the device of ``levels``."""
        return self.times.to(levels.device)[levels]

    def _at(self, levels: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        shape = (-1, *(1,) * (like.ndim - 1))
        signal, noise = (part.to(levels.device)[levels] for part in (self.signal, self.noise))
        return signal.view(shape), noise.view(shape)

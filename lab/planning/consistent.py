"""Consistency with inverse dynamics (after ACID, Seo et al. 2026, arXiv 2607.02403).

A plan that leaves the data has imagined transitions which do not look like the effect of its own actions. A network
that infers the actions between two latent states tells by how much.
"""

from dataclasses import dataclass

from torch import Tensor

from lab.planning.informed import Believe


@dataclass(frozen=True)
class Consistency:
    """A `Penalty`: the squared residual of the actions that ``believe`` infers from each imagined transition.

    The residual is in the network's standard deviations, averaged over a plan's numbers: 1 on average over the data, if
    these are right. ACID trains a network of single steps for this, and adapts the weight to the scale of the costs
    while it plans. Here the state prior, trained on 1 and more steps, infers single steps, and the weight is constant.
    """

    believe: Believe

    def __getitem__(self, rows: slice | Tensor) -> "Consistency":
        """See `Penalty`; the network serves all problems."""
        return self

    def distance(self, z: Tensor, actions: Tensor) -> Tensor:
        """See `Penalty`."""
        before, after = (part.reshape(-1, z.shape[-1]) for part in (z[..., :-1, :], z[..., 1:, :]))
        mean, std = (each.view(actions.shape) for each in self.believe(before, after, 1))
        return (((actions - mean) / std) ** 2).mean((-2, -1))

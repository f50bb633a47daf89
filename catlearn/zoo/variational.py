r"""Variational autoencoder: an autoencoder around a random edge, with a second equation.

The encoder does not say where in Z an example is, but how it is distributed there: it ends at the
product of a mean and a logarithm of variances. From there a random edge draws a sample
(reparametrised, so that gradients pass), which the decoder takes back to X; and the distribution
itself shall be the prior's, which is a constant.

.. math::
    S \to X \xrightarrow{q} M \times V \xrightarrow{\mathrm{sample}} Z \to X &= S \to X \\
    S \to X \xrightarrow{q} M \times V &= S \to X \xrightarrow{\mathrm{prior}} M \times V

With minus the log-likelihood for the first and :math:`\mathrm{KL}(q \| p)` for the second, the loss
is minus the evidence lower bound.

>>> import catlearn as cl
>>> X, H, Z, V = cl.Space("X", 8), cl.Space("H", 6), cl.Space("Z", 2), cl.Space("V", 2)
>>> encoder, decoder = cl.Model("encoder", X, H, "mlp"), cl.Model("decoder", Z, X, "mlp")
>>> mean, spread = cl.Model("mean", H, Z, "linear"), cl.Model("spread", H, V, "linear")
>>> diagram = variational_autoencoder(encoder, mean, spread, decoder, cl.Dataset("digits", X=X))
>>> for name in diagram.soft_equations:
...     print(name, "by", diagram.divergence(name))
digits.X >> q >> sample >> decoder = digits.X by gaussian_nll(scale=1.0)
digits.X >> q = digits.X >> prior by gaussian_kl

References
----------
Kingma, Welling, "Auto-encoding variational Bayes", arXiv 1312.6114, 2013. Higgins et al.,
"beta-VAE", ICLR 2017, for the weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from catlearn.category import Equation
from catlearn.learning import Dataset, LearningDiagram, glue
from catlearn.models import Constant, Model, Pairing, Product
from catlearn.zoo.squares import chain, column


def variational_autoencoder(
    encoder: Model | Sequence[Model],
    mean: Model,
    log_variance: Model,
    decoder: Model | Sequence[Model],
    data: Dataset,
    *,
    likelihood: Any = "gaussian_nll",
    beta: Any = 1.0,
) -> LearningDiagram:
    """Return the regime in which a decoder undoes a random encoder that is near a prior.

    Parameters
    ----------
    encoder
        From a space of the data: one model, or several in a row.
    mean, log_variance
        Heads on the encoder, both of the shape of the decoder's source.
    decoder
        Back to that space of the data.
    data
        With a column where the encoder starts.
    likelihood
        A divergence for the reconstruction: minus the log-likelihood, such as
        ``"binary_cross_entropy"`` for an X of bits.
    beta
        The weight of the second equation.

    Raises
    ------
    InvalidStructure
        If the data do not have that column, or the shapes do not fit.
    """
    there, back = chain(encoder), chain(decoder)
    start, read = there[0].source, column(data, there[0].source)
    gaussian = Product("gaussian", mean.target, log_variance.target)
    body = " >> ".join(model.name for model in there)
    posterior = LearningDiagram(
        *there,
        mean,
        log_variance,
        Pairing("q", gaussian, f"{body} >> {mean.name}", f"{body} >> {log_variance.name}"),
    )
    prior = LearningDiagram(Constant("prior", start, gaussian, (0.0, 0.0)))
    sample = Model("sample", gaussian, back[0].source, "gaussian_sample")
    around = " >> ".join([read, "q", "sample", *(model.name for model in back)])
    whole = glue(LearningDiagram(data), posterior, prior, LearningDiagram(sample, *back))
    return whole.with_equations(
        [
            Equation(f"{around} = {read}", divergence=likelihood),
            Equation(f"{read} >> q = {read} >> prior", weight=beta, divergence="gaussian_kl"),
        ]
    )

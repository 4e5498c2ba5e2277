"""Special functions, by the names of PyTorch's `torch.special`, and more: `beta`, `betaln`, and names of SciPy's.

`scipy.special` looks here for what it is asked for on Tensors.
"""

from __future__ import annotations

from .core.functions.guard import guard_names as _guard_names
from .core.functions.special_scipy import (
    boxcox,
    boxcox1p,
    cbrt,
    cosm1,
    exp10,
    exprel,
    gdtr,
    gdtrc,
    huber,
    inv_boxcox,
    inv_boxcox1p,
    kl_div,
    pdtr,
    pdtrc,
    polygamma,
    pseudo_huber,
)
from .core.ops import (
    airy_ai,
    bessel_j0,
    bessel_j1,
    bessel_y0,
    bessel_y1,
    beta,
    betaln,
    chebyshev_polynomial_t,
    chebyshev_polynomial_u,
    chebyshev_polynomial_v,
    chebyshev_polynomial_w,
    digamma,
    entr,
    erf,
    erfc,
    erfcx,
    erfinv,
    exp2,
    expit,
    expm1,
    gammainc,
    gammaincc,
    gammaln,
    hermite_polynomial_h,
    hermite_polynomial_he,
    i0,
    i0e,
    i1,
    i1e,
    laguerre_polynomial_l,
    legendre_polynomial_p,
    log1p,
    log_ndtr,
    log_softmax,
    logit,
    logsumexp,
    modified_bessel_i0,
    modified_bessel_i1,
    modified_bessel_k0,
    modified_bessel_k1,
    multigammaln,
    ndtr,
    ndtri,
    psi,
    round,
    scaled_modified_bessel_k0,
    scaled_modified_bessel_k1,
    shifted_chebyshev_polynomial_t,
    shifted_chebyshev_polynomial_u,
    shifted_chebyshev_polynomial_v,
    shifted_chebyshev_polynomial_w,
    sinc,
    softmax,
    spherical_bessel_j0,
    xlog1py,
    xlogy,
    zeta,
)

j0, j1, y0, y1 = bessel_j0, bessel_j1, bessel_y0, bessel_y1
k0, k1, k0e, k1e = modified_bessel_k0, modified_bessel_k1, scaled_modified_bessel_k0, scaled_modified_bessel_k1

__all__ = [
    "airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "beta", "betaln", "boxcox", "boxcox1p", "cbrt",
    "chebyshev_polynomial_t", "chebyshev_polynomial_u", "chebyshev_polynomial_v", "chebyshev_polynomial_w", "cosm1",
    "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2", "exp10", "expit", "expm1", "exprel", "gammainc",
    "gammaincc", "gammaln", "gdtr", "gdtrc", "hermite_polynomial_h", "hermite_polynomial_he", "huber", "i0", "i0e",
    "i1", "i1e", "inv_boxcox", "inv_boxcox1p", "j0", "j1", "k0", "k0e", "k1", "k1e", "kl_div", "laguerre_polynomial_l",
    "legendre_polynomial_p", "log1p", "log_ndtr", "log_softmax", "logit", "logsumexp", "modified_bessel_i0",
    "modified_bessel_i1", "modified_bessel_k0", "modified_bessel_k1", "multigammaln", "ndtr", "ndtri", "pdtr", "pdtrc",
    "polygamma", "pseudo_huber", "psi", "round", "scaled_modified_bessel_k0", "scaled_modified_bessel_k1",
    "shifted_chebyshev_polynomial_t", "shifted_chebyshev_polynomial_u", "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w", "sinc", "softmax", "spherical_bessel_j0", "xlog1py", "xlogy", "y0", "y1", "zeta",
]  # fmt: skip

_guard_names(globals(), __all__)

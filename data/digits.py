"""The handwritten digits that come with scikit-learn, as a ready dataset."""

from __future__ import annotations

from ..core import dtypes, ops
from ..core.errors import ArgumentError, MissingDependencyError
from ..core.host import from_host
from ..core.random_state import Generator
from .dataset import TensorDataset


class Digits(TensorDataset):
    """Real handwritten digits: 1797 grey images of 8 by 8 pixels, in ten classes.

    A sample is a pair: the image, float32 in [0, 1], and its label, a 0-d int64 tensor.

    Parameters
    ----------
    train : bool
        The training part; with False the test part.
    flatten : bool
        Images of shape (64,) instead of (1, 8, 8).
    test_fraction : float
        The share of each class that is held out as the test part.
    seed : int
        Chooses the split; with the same `seed` and `test_fraction` the parts never overlap.

    Attributes
    ----------
    images : Tensor
        Shape (N, 1, 8, 8) or (N, 64).
    labels : Tensor
        Shape (N,).
    classes : tuple of str
        The names of the classes.

    Raises
    ------
    MissingDependencyError
        scikit-learn is not installed.

    Notes
    -----
    The test set of E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
    Repository, 1998, as scikit-learn ships it.

    Examples
    --------
    >>> from candelabra.data import Digits
    >>> train, test = Digits(train=True), Digits(train=False)
    >>> len(train), len(test), train[0][0].shape
    (1438, 359, (1, 8, 8))
    """

    classes = tuple("0123456789")

    def __init__(self, train: bool = True, flatten: bool = False, *, test_fraction: float = 0.2, seed: int = 0) -> None:
        if not 0 < test_fraction < 1:
            raise ArgumentError(f"Digits: test_fraction={test_fraction} is not between 0 and 1")
        try:
            from sklearn.datasets import load_digits
        except ImportError as error:
            raise MissingDependencyError(
                "Digits: the images come with scikit-learn, which is not installed; pip install candelabra[demo]"
            ) from error
        images, labels = load_digits(return_X_y=True)
        held_out: set[int] = set()
        generator = Generator().manual_seed(seed)
        known = labels.tolist()
        for label in range(len(self.classes)):
            members = [i for i, value in enumerate(known) if value == label]
            order = ops.randperm(len(members), generator=generator).tolist()
            held_out.update(members[i] for i in order[: round(test_fraction * len(members))])
        chosen = [i for i in range(len(known)) if (i not in held_out) == train]
        self.train = train
        self.images = from_host(images[chosen] / 16, dtype=dtypes.float32)
        if not flatten:
            self.images = ops.reshape(self.images, (len(chosen), 1, 8, 8))
        self.labels = from_host(labels[chosen], dtype=dtypes.int64)
        super().__init__(self.images, self.labels)

"""Nothing in forward, backward or a step waits for a card, but what is named here."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from cards import python  # noqa: E402

# How many elements there are, or how much there is to compute, is for the values to say.
_SINGULAR = "a matrix for which there is no answer is told, as by PyTorch"
ROWS = {
    "cholesky": _SINGULAR,
    "det": "back: the adjugate is computed only where a matrix may be singular",
    "eig": f"back: {_SINGULAR}",
    "inv": _SINGULAR,
    "ldl_solve": _SINGULAR,
    "lu_packed": f"back: {_SINGULAR}",
    "lu_solve": _SINGULAR,
    "matrix_exp": "the greatest norm says how many products it takes",
    "nonzero": "the values say how many there are",
    "orthogonal_polynomial": "the greatest degree says how many steps it takes",
    "slogdet": f"back: {_SINGULAR}",
    "solve": _SINGULAR,
    "solve_triangular": _SINGULAR,
    "unique_all": "the values say how many there are",
    "unique_counts": "the values say how many there are",
    "unique_inverse": "the values say how many there are",
    "unique_values": "the values say how many there are",
}
COMPOSITES = {
    "bincount": "the greatest number says how many there are",
    "istft": "a window that covers too little is refused",
    "masked_select": "the mask says how many there are",
    "one_hot": "classes that are none are refused",
    "segment_reduce": "lengths that do not fit are refused",
}
LAYERS = {"AdaptiveLogSoftmaxWithLoss": "each cluster takes the rows whose classes it has"}


def waits(tmp_path: Path, *arguments: str) -> dict[str, list[str]]:
    done = python([str(HERE / "synchronised.py"), *arguments], tmp_path, CANDELABRA_SYNC_ERRORS="0")
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def named(found: dict[str, list[str]]) -> str:
    return "\n".join(f"{name}: {place}" for name, places in found.items() for place in places[:3])


@pytest.mark.parametrize(
    "walk, allowed", [("rows", ROWS), ("composites", COMPOSITES), ("layers", LAYERS), ("optimizers", {})]
)
def test_only_what_is_named_waits_for_a_card(walk: str, allowed: dict[str, str], tmp_path: Path) -> None:
    found: dict[str, Any] = waits(tmp_path, walk)
    # Exactly these: a count that counts nothing would not find them.
    assert set(found) == set(allowed), named(found)
    for name, reason in allowed.items():
        if reason.startswith("back: "):
            assert all(place.startswith("back: ") for place in found[name]), name

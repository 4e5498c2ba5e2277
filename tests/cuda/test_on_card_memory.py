"""What only a card can show of memory: copies beside the computation, and what waits for what."""

from __future__ import annotations

from typing import Any

import candelabra as cb
import numpy as np
import pytest
from candelabra.data import DataLoader, Dataset


def test_pinned_memory_goes_there_and_back(card: cb.Device) -> None:
    x = cb.randn(300, 300)
    pinned = x.pin_memory()
    assert pinned.is_pinned() and not x.is_pinned()
    there = pinned.to(card, non_blocking=True)
    back = (there * 2).to("cpu", non_blocking=True)
    cb.synchronize(card)
    assert np.array_equal(back.numpy(), x.numpy() * 2)


def test_memory_that_a_stream_uses_is_not_given_to_others(card: cb.Device) -> None:
    stream = card.stream()
    slow = cb.randn(500, 500, device=card)
    for value in range(1, 6):
        x = cb.full((1 << 20,), float(value), device=card)
        stream.wait_stream(card.current_stream())
        with stream:
            for _ in range(10):
                # The stream is busy when x is let go.
                slow @ slow
            total = x.sum()
        x.record_stream(stream)
        slow.record_stream(stream)
        del x
        # It would lie where x was, and be written while the stream still reads it.
        cb.full((1 << 20,), -1.0, device=card)
        card.current_stream().wait_stream(stream)
        assert total.item() == value * (1 << 20)


def test_events_measure_the_card(card: cb.Device) -> None:
    start, end = card.event(enable_timing=True), card.event(enable_timing=True)
    x = cb.randn(500, 500, device=card)
    start.record()
    for _ in range(5):
        x = x @ x * 1e-3
    end.record()
    end.synchronize()
    assert 0 < start.elapsed_time(end) < 60_000


def test_the_peak_and_the_figures_fit(card: cb.Device) -> None:
    cb.cuda.reset_peak_memory_stats(card)
    before = card.memory()
    x = cb.zeros(1 << 20, device=card)
    y = x + 1
    del x, y
    after = card.memory()
    assert after["peak"] - before["allocated"] >= 8 << 20 and after["allocated"] <= before["allocated"] + (1 << 20)
    assert after["reserved"] <= after["total"] - after["free"]


class Numbered(Dataset):
    """Samples of which a batch lies in shared memory."""

    def __len__(self) -> int:
        return 64

    def __getitem__(self, index: int) -> Any:
        return np.full((64, 64), index, np.float32)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_come_whole_while_the_card_computes(card: cb.Device, workers: int) -> None:
    slow = cb.randn(200, 200, device=card)
    found = []
    for _ in range(2):
        for batch in DataLoader(Numbered(), 8, num_workers=workers, device=card):
            slow @ slow
            found.append(cb.stack([batch.min(), batch.max(), batch.mean()]))
    values = cb.stack(found).tolist()
    assert values == [[8.0 * i, 8.0 * i + 7, 8.0 * i + 3.5] for i in range(8)] * 2


def test_between_two_cards(card: cb.Device) -> None:
    if cb.cuda.device_count() < 2:
        pytest.skip("there is one card")
    other = cb.device(f"cuda:{(card.index or 0) ^ 1}")
    x = cb.randn(300, 300, device=card, requires_grad=True)
    y = ((x @ x).T.to(other) * 2).sum()
    y.backward()
    assert y.device == other and x.grad is not None and x.grad.device == card
    host = x.detach().cpu().requires_grad_()
    ((host @ host).T * 2).sum().backward()
    assert np.allclose(x.grad.cpu().numpy(), host.grad.numpy(), rtol=1e-3, atol=1e-2)

"""Which routines of cuSOLVER there are; `CANDELABRA_FAKE_LACKS` names what is not, as in older releases."""

from __future__ import annotations

import os


def check_availability(name: str) -> bool:
    return name not in os.environ.get("CANDELABRA_FAKE_LACKS", "").split()

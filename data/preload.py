"""What the fork server imports: importing it makes a server of this process, so nothing else imports it."""

from __future__ import annotations

import json
import os
import sys

from ..core.threads import get_num_threads, set_num_threads
from . import nursery

if nursery.VARIABLE in os.environ:
    # NumPy loads it when it is named, and every worker will name it.
    getattr(sys.modules.get("numpy"), "random", None)
    set_num_threads(get_num_threads())  # finds the library whose threads every worker will limit
    os.register_at_fork(after_in_child=nursery.draw_apart)
    nursery.import_main(json.loads(os.environ.pop(nursery.VARIABLE)))

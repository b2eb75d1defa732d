"""What all four folders of tests share: a pytest-xdist worker computes on one thread."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # there is one worker per core, and torch's threads of two workers would spin
    os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is first imported; the processes that tests start inherit it

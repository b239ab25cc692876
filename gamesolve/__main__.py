"""``python -m gamesolve`` is the console script ``gamesolve``.

Like every ``python -m``, it looks for modules in the current folder first, where a file ``jax.py`` would hide JAX. The
script does not look there, nor does ``python -P -m gamesolve``.
"""

import sys

from gamesolve.cli import main

if __name__ == "__main__":
    sys.exit(main())

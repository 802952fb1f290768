"""``python -m tests.benchmarks.forecast``"""

from tests.benchmarks.forecast import main

main()

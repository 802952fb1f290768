"""``python -m tests.benchmarks.autonomy``"""

from tests.benchmarks.autonomy import main

main()

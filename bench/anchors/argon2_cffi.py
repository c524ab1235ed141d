"""The anchor of password checks: the C library of argon2, by its Python binding.

Prints the median duration of one check in milliseconds, as one line of JSON.

    python argon2_cffi.py SECONDS   (needs argon2-cffi)
"""

import json
import sys
import time

from argon2 import PasswordHasher, Type

# The parameters that auth uses.
hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1, hash_len=32, type=Type.ID)
stored = hasher.hash("a long enough password")
end = time.perf_counter() + float(sys.argv[1])
times = []
while not times or time.perf_counter() < end:
    begun = time.perf_counter()
    hasher.verify(stored, "a long enough password")
    times.append(time.perf_counter() - begun)
times.sort()
print(json.dumps({"millis": 1000 * times[len(times) // 2]}))

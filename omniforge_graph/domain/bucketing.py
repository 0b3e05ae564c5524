"""Where on the line [0, 1) a unit falls: the same place on every machine, in every language, for ever.

The point is a pure function of (algorithm, seed, unit). The hash input is ``seed + ":" + unit`` in UTF-8; a seed holds
no colon, so two different pairs never make the same input. Of the 64 bits of the hash the upper 53 make the point,
because a double holds exactly 53: it can never round up to 1.0.
"""

import re
from collections.abc import Callable
from enum import StrEnum
from hashlib import sha256

from xxhash import xxh3_64_intdigest

from omniforge_graph.errors import Path, ValidationError

_STEP = 2.0**-53
_SEED = re.compile(r"[A-Za-z0-9._-]{1,64}")


class HashAlgorithm(StrEnum):
    """The hash that places units. Stored on the experiment: a new default never reshuffles a running one."""

    XXH3_64 = "XXH3_64"
    SHA_256 = "SHA_256"


def check_seed(seed: str, path: Path = ("allocation", "seed")) -> str:
    """Return the seed if it may be hashed: 1 to 64 letters, digits, dots, underscores or hyphens."""
    if not _SEED.fullmatch(seed):
        raise ValidationError("seed must be 1 to 64 letters, digits, dots, underscores or hyphens.", path=path)
    return seed


def point(algorithm: HashAlgorithm, seed: str, unit: str) -> float:
    """Return the unit's place in [0, 1), a multiple of 2^-53.

    SHA-256 contributes its first eight bytes, read as a big-endian integer.
    """
    return placer(algorithm, seed)(unit)


def placer(algorithm: HashAlgorithm, seed: str) -> Callable[[str], float]:
    """Return `point` for many units of one algorithm and seed."""
    prefix = f"{seed}:"

    def by_xxh3(unit: str) -> float:
        return (xxh3_64_intdigest((prefix + unit).encode()) >> 11) * _STEP

    def by_sha_256(unit: str) -> float:
        return (int.from_bytes(sha256((prefix + unit).encode()).digest()[:8], "big") >> 11) * _STEP

    return by_xxh3 if algorithm is HashAlgorithm.XXH3_64 else by_sha_256

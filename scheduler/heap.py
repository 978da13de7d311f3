"""Heap: has the C library give back to the system what is free."""

import ctypes
from contextlib import suppress

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
"""Their numbers in glibc's malloc.h."""

_LARGE = 131_072
"""Bytes from which on glibc takes memory from the system and gives it back. That is where it begins by itself; but with
each large block that is freed it would keep ever larger ones, up to 32 MiB, for the next time."""

_ARENAS = 2
"""Heaps for all threads together: eight for each core by default, and what is free in one serves no other."""


def give_back_large_blocks() -> None:
    """Let no peak stay for ever in a process that runs for months; nothing with another C library than glibc."""
    with suppress(OSError, AttributeError):
        set_option = ctypes.CDLL("libc.so.6").mallopt
        set_option(_M_MMAP_THRESHOLD, _LARGE)
        set_option(_M_ARENA_MAX, _ARENAS)


def give_back_what_is_free() -> None:
    """Give back pages between others that are in use; a look at each arena, which takes milliseconds."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)

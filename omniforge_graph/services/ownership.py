"""Which files a process believes: what a crash or an outage left behind is read again only if nobody else wrote it."""

import os

_OTHERS_MAY_WRITE = 0o022


def check_ours(descriptor: int) -> None:
    """Raise `PermissionError` if others than this user may have written an open file; owners are known on POSIX."""
    about = os.fstat(descriptor)
    if hasattr(os, "geteuid") and (about.st_uid != os.geteuid() or about.st_mode & _OTHERS_MAY_WRITE):
        raise PermissionError("others than this user may have written it")

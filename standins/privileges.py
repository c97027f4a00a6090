"""Runs a program as an ordinary user when we are root, wherever its files lie.

PostgreSQL refuses to run as root. As another user it could neither read its own programs nor reach its data
when the checkout or the data folder lies below a closed folder, such as /root. Opening those folders is not
ours to do, so the child keeps the one capability that walks through them.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
from collections.abc import Callable
from pathlib import Path

from storefront.supervisor import die_with_parent

USERS = ("postgres", "nobody")

_PR_SET_SECUREBITS, _NO_SETUID_FIXUP = 28, 1 << 2
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 47, 2
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def ordinary_user(folder: Path) -> pwd.struct_passwd | None:
    """The user to run as: nobody else than ourselves (None) unless we are root.

    The owner of what is in ``folder`` already goes first, so that data made earlier stays usable.
    """
    if os.geteuid() != 0:
        return None
    owner = folder.stat().st_uid if folder.exists() else 0
    if owner != 0:
        return pwd.getpwuid(owner)
    for name in USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError(f"PostgreSQL can't run as root, and there is no user named {' or '.join(USERS)}")


def before_exec(user: pwd.struct_passwd | None, end: signal.Signals) -> Callable[[], None]:
    """For ``Popen(preexec_fn=…)``: become ``user``, and get ``end`` when the parent thread ends."""
    parent = os.getpid()
    header = _Header(_CAPABILITY_VERSION_3, 0)
    only = 1 << _CAP_DAC_OVERRIDE
    sets = (_Sets * 2)(_Sets(only, only, only), _Sets(0, 0, 0))

    def prepare() -> None:
        if user is not None:
            # Without this bit access(2) ignores the capability, and initdb can't find its own programs. Where
            # the kernel refuses any of this, things still work as long as the folders above are open.
            _libc.prctl(_PR_SET_SECUREBITS, _NO_SETUID_FIXUP, 0, 0, 0)
            os.setgroups([])
            os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
            os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
            _libc.capset(ctypes.byref(header), sets)
            _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)
        die_with_parent(end, parent)  # last: a change of user clears it

    return prepare

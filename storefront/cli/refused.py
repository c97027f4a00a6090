"""Why a command of ours won't run at all, said in one line."""

from __future__ import annotations


class Refused(Exception):
    """The shop can't run as things are; the message is for whoever started it. Exit status 1."""

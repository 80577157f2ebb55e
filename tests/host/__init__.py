# SPDX-License-Identifier: LGPL-2.1-or-later
"""The private machine that tests/host/run makes, and how to live in it."""

from .actor import Actor
from .bus import BusClient, quote
from .host import BUSES, Host
from .journal import Journal
from .login import ROOT, Login
from .service import Service

__all__ = ["Actor", "BUSES", "BusClient", "Host", "Journal", "Login", "ROOT", "Service", "quote"]

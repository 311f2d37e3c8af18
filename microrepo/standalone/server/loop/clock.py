"""Clock: the present second in the formats that each answer needs, computed once a second."""

from __future__ import annotations

import time

from microrepo.standalone.server.messages.http_dates import MONTHS, http_date


class Clock:
    """The formatted present; `tick` brings it up to date."""

    second = 0
    date = b""
    log = ""


def tick() -> type[Clock]:
    """Return the clock, set to the present second."""
    now = int(time.time())
    if now != Clock.second:
        part = time.gmtime(now)
        Clock.date = f"Date: {http_date(now)}\r\nServer: microrepo\r\n".encode("ascii")
        month = MONTHS[part.tm_mon - 1]
        Clock.log = (
            f"{part.tm_mday:02d}/{month}/{part.tm_year}:{time.strftime('%H:%M:%S', part)} +0000"
        )
        Clock.second = now
    return Clock

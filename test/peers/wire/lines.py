"""What every Python peer shares: JSON lines on stdout and an end when the parent is gone."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable


class Lines:
    """JSON lines on stdout. Buffered until `flush`, so that a busy peer writes once per round."""

    def __init__(self) -> None:
        self._pending: list[str] = []

    def add(self, event: str, **fields: object) -> None:
        self._pending.append(json.dumps({"event": event, "at": int(time.time() * 1000), **fields}))

    def flush(self) -> None:
        if not self._pending:
            return
        text = "\n".join(self._pending) + "\n"
        self._pending.clear()
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            os._exit(1)  # nobody reads the account any more: going on would only be load

    def say(self, event: str, **fields: object) -> None:
        self.add(event, **fields)
        self.flush()


def when_stdin_ends(stop: Callable[[], None]) -> None:
    """Calls `stop` on another thread at the end of stdin: the parent holds the other end, and SIGKILL closes it too."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        stop()

    threading.Thread(target=wait, daemon=True, name="stdin").start()

"""People at work while something is broken: what fails is counted, and nobody gives up."""

import threading
import time

import load


class Traffic:
    """Somebody signs up every few seconds and keeps a book, until told to stop."""

    def __init__(self, site, catcher):
        self.place = site, catcher
        self.done = self.failed = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(timeout=90)

    def counted(self):
        """Rounds that went well and rounds that did not, since the last question."""
        counted, self.done, self.failed = (self.done, self.failed), 0, 0
        return counted

    def _work(self):
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                person = load.Person(*self.place)
                person.sign_up()
                person.sign_in()
                person.keep_a_book()
                self.done += 1
            # Whatever it is that does not answer: that is what a drill is for.
            except (OSError, RuntimeError, ValueError):
                self.failed += 1
            self._stop.wait(max(1, load.ROUND - (time.monotonic() - began)))

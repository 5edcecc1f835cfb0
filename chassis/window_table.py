"""What one process counted under one limit: a window for each key, and which of them to settle with the others."""

from collections import OrderedDict
from collections.abc import Callable
from itertools import count

from chassis.shared_counts import Share
from chassis.sliding_window import SlidingWindow


class WindowTable:
    """The windows of one limit, by key.

    Of more than ``keys_max`` those that were not asked for longest are forgotten. To the others a key is called
    what ``name_of`` makes of it, and the process is ``process``.
    """

    def __init__(self, window_ms: int, keys_max: int, process: str, name_of: Callable[[str], str]) -> None:
        self._tellers = (f"{process}.{number}" for number in count(1))
        self._name_of = name_of
        self._window_ms = window_ms
        self._keys_max = keys_max
        self._windows: OrderedDict[str, SlidingWindow] = OrderedDict()
        self._asked: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._windows)

    @property
    def asked(self) -> int:
        """How many keys were asked for and are not exchanged yet."""
        return len(self._asked)

    def wait_ms(self, key: str, count_max: int, now_ms: int) -> int:
        """How long until one more fits under a key, in milliseconds: 0 when it does now."""
        window = self._ask(key, now_ms)
        return window.wait_ms(count_max, self._window_ms, now_ms) if window else 0

    def left(self, key: str, count_max: int, now_ms: int) -> int:
        """How many more fit under a key now."""
        window = self._windows.get(key)
        if window is None:
            return count_max
        window.move_to(now_ms // self._window_ms)
        return window.left(count_max, self._window_ms, now_ms)

    def count(self, key: str, now_ms: int) -> int:
        """Count one more; the number of the window that it counts in."""
        window = self._ask(key, now_ms)
        if window is None:
            self._windows[key] = window = SlidingWindow(now_ms // self._window_ms, next(self._tellers))
            self._asked[key] = None
            if len(self._windows) > self._keys_max:
                forgotten, _ = self._windows.popitem(last=False)
                self._asked.pop(forgotten, None)
        window.mine += 1
        return window.number

    def give_back(self, key: str, number: int) -> None:
        """Take back what was counted in the window ``number``."""
        window = self._windows.get(key)
        if window is not None:
            window.give_back(number)
            self._asked[key] = None

    def forget_what_is_over(self, now_ms: int) -> None:
        """Forget the keys that nobody has asked for since before the last window."""
        while self._windows:
            key, window = next(iter(self._windows.items()))
            if now_ms // self._window_ms - window.number <= 1:
                return
            del self._windows[key]
            self._asked.pop(key, None)

    def take_asked(self, keys_max: int, now_ms: int) -> list[tuple[str, Share]]:
        """What is to be exchanged about up to so many of the keys that were asked for since they were taken last."""
        return [self._share(self._asked.popitem(last=False)[0], now_ms) for _ in range(min(keys_max, len(self._asked)))]

    def ask_again(self, key: str) -> None:
        """Exchange about a key once more: it did not work."""
        if key in self._windows:
            self._asked[key] = None

    def ask_for_all(self) -> None:
        """Exchange about every key once more: what the others were told may be lost."""
        self._asked.update(dict.fromkeys(self._windows))

    def learn(self, key: str, share: Share, others: tuple[int, int]) -> None:
        """Note what came of an exchange."""
        window = self._windows.get(key)
        if window is None:
            return
        window.learn(share.number, (share.current, share.before), others)
        if window.is_empty and key not in self._asked:
            del self._windows[key]

    def _share(self, key: str, now_ms: int) -> tuple[str, Share]:
        window = self._windows[key]
        window.move_to(now_ms // self._window_ms)
        told = window.to_tell()
        return key, Share(window.teller, self._name_of(key), window.number, self._window_ms, *told)

    def _ask(self, key: str, now_ms: int) -> SlidingWindow | None:
        """The window of a key as it is now, or None; the others will be heard about it."""
        window = self._windows.get(key)
        if window is not None:
            window.move_to(now_ms // self._window_ms)
            self._windows.move_to_end(key)
            self._asked[key] = None
        return window

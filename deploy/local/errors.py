"""How the local stack says that it cannot go on."""


class StackError(Exception):
    """The stack cannot start or go on. The message is one clear line that says what to do."""

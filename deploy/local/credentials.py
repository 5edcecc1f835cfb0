"""The secrets of a stack: made once, kept in its state directory, never shown."""

from collections.abc import Mapping

from deploy.cluster.credentials import missing_secrets
from deploy.local.env_file import read_env_file, write_env_file
from deploy.local.state import StateDirectory


def kept_secrets(state: StateDirectory) -> Mapping[str, str]:
    """The stack's secrets by name. Those that are not there yet are made and written down."""
    known = read_env_file(state.secrets_file)
    made = missing_secrets(known)
    if made:
        write_env_file(state.secrets_file, known | made)
    return known | made

"""azure-identity, the newest release."""
import sys
import pathlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from identity_common import *  # noqa: E402, F403

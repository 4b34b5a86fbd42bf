"""The version of this package."""

VERSION = "0.1.0"
USER_AGENT = f"tm-python/{VERSION}"

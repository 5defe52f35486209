"""Whose certificates are believed where we are the client."""

import ssl
from pathlib import Path


def context(authorities: Path | str | None = None) -> ssl.SSLContext:
    """A context that proves the other side's name by the system's authorities, and by those of a PEM file.

    Python 3.13 began to refuse what RFC 5280 forbids and other programs take, as certificates without the identifier of
    their authority's key: no mail waits for ever because Python was upgraded. Raises OSError for the file.
    """
    made = ssl.create_default_context()
    if authorities is not None:
        made.load_verify_locations(cafile=authorities)
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    made.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996: nothing older
    return made

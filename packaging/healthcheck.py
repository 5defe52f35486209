"""Whether the server of this container accepts mail: exit 0 where /readyz says so. It has the server's variables."""

import json
import os
import ssl
import sys
import urllib.request

SECONDS = 4.0


def main() -> None:
    """Ask; the certificate is not looked at, since the question never leaves the container."""
    port = json.loads(os.environ["MAILSERVER_HTTP__LISTEN"])[0].rpartition(":")[2]
    scheme = "https" if os.environ.get("MAILSERVER_HTTP__TLS", "").lower() in {"1", "true"} else "http"
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=unchecked)
    )
    try:
        opener.open(f"{scheme}://127.0.0.1:{port}/readyz", timeout=SECONDS).close()
    except OSError as error:
        sys.exit(f"not ready: {error}")


if __name__ == "__main__":
    main()

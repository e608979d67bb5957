"""HTTP requests of the command line: straight to the server that was named, and to no other."""

from __future__ import annotations

import urllib.request


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Makes a redirect an error: the request may have a password, which is for one server alone."""

    def redirect_request(self, *_given: object) -> None:
        """Follow no redirect."""


OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
"""Opens a request without a proxy and without following a redirect; see `urllib.request`."""

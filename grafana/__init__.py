"""Grafana dashboards as code, their generated JSON, and the files that provision them."""

import warnings

with warnings.catch_warnings():
    # The SDK warns about every format but the newest. The Grafana versions in use today do not load the newest.
    warnings.simplefilter("ignore", DeprecationWarning)
    import grafana_foundation_sdk.builders.dashboard
    import grafana_foundation_sdk.builders.prometheus  # noqa: F401

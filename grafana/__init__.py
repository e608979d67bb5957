"""Dashboards as code, the JSON that Grafana loads, and the files that provision both."""

import warnings

with warnings.catch_warnings():
    # The SDK warns of every format but the newest, which the Grafana that owners have today does not load.
    warnings.simplefilter("ignore", DeprecationWarning)
    import grafana_foundation_sdk.builders.dashboard
    import grafana_foundation_sdk.builders.prometheus  # noqa: F401

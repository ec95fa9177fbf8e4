"""What a description cannot say of the requests that are made from it."""

import datetime

import schemathesis


@schemathesis.hook
def filter_case(context, case):
    # Nobody refuses headers that it does not know.
    return not any(name.lower().startswith("x-schemathesis-unknown") for name in case.headers or {})


@schemathesis.hook
def map_body(context, body):
    # A key that ends before it is made is refused, and no schema says "in the future".
    if isinstance(body, dict) and isinstance(body.get("expires_at"), str):
        try:
            if datetime.datetime.fromisoformat(body["expires_at"]) < datetime.datetime.now(datetime.timezone.utc):
                body.pop("expires_at")
        except (TypeError, ValueError):
            pass
    return body

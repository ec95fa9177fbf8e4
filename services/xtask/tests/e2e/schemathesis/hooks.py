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
    for policy in policies(body):
        # A name is an exception from what is not allowed: the two fields depend on each other.
        if any(entry[-1:].isalpha() for entry in policy.get("allow") or [] if isinstance(entry, str)):
            if policy.get("internet", True) is True:
                policy["internet"] = False
    return body


def policies(body):
    found = [body, body.get("network")] if isinstance(body, dict) else []
    return [policy for policy in found if isinstance(policy, dict)]

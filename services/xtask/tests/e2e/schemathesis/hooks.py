"""What a description cannot say of the requests that are made from it."""

import datetime

import schemathesis


@schemathesis.hook
def filter_case(context, case):
    # Nobody refuses headers that it does not know.
    return not any(name.lower().startswith("x-schemathesis-unknown") for name in case.headers or {})


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.operation.path == "/v2/sandboxes" and case.query:
        # A text that only an answer of the list itself can tell.
        case.query.pop("nextToken", None)
    if isinstance(case.body, dict):
        in_the_future(case.body)
        for policy in (case.body, case.body.get("network")):
            if isinstance(policy, dict):
                with_exceptions(policy)


def in_the_future(body):
    """A key that ends before it is made is refused."""
    try:
        end = datetime.datetime.fromisoformat(body["expires_at"].replace("Z", "+00:00"))
        if end < datetime.datetime.now(datetime.timezone.utc):
            body["expires_at"] = "2999-12-31T00:00:00Z"
    except (AttributeError, KeyError, TypeError, ValueError):
        pass


def with_exceptions(policy):
    """A name is an exception from what is denied, so something has to be."""
    for internet, allow, deny in (("internet", "allow", "deny"), ("allow_internet_access", "allowOut", "denyOut")):
        allowed = policy.get(allow)
        if not isinstance(allowed, list) or policy.get(internet) not in (None, True) or policy.get(deny):
            continue
        if any(isinstance(entry, str) and entry[-1:].isalpha() for entry in allowed):
            policy[internet] = False

"""What schemathesis has to know about this API: which proof each call carries, the one call that it must not make, and the
rules that no schema can say.

OWN_TOKEN is the id of the token that it calls with; PRODUCT_LEASE and PRODUCT_KEY are those of a license.
"""

import os

import schemathesis

# Rules about what is stored, about the present time, and between members. The schema allows a request that breaks one, and
# the authority answers 422 with this in its detail.
UNEXPRESSED = [
    # A cursor is opaque, and holds for the sort that it was given for.
    "after is 'next' of the page before",
    # Ends lie in the future, and after the start.
    "would have ended already",
    "would end before it starts",
    "the new end date is in the past",
    "this ends after the year 9999",
    # The plan and the license together need an end, or none.
    "has no term: give one or an end date",
    "a perpetual license has no end",
    "a perpetual plan has no term",
    "license has an end date; only a perpetual one has none",
    "plan has a term: give it, or the type perpetual",
    "the first activation sets the dates",
    "a renewal takes no time away",
    "the end date is in the past",
    "the license has no period that ends in the future",
    # Plans are those of the product, and licenses those of the plan.
    "the plan is of another product",
    "has another plan; upgrade it instead",
    # Features are those of the product.
    "the product has no feature",
    # An edit counts with what is there: it may leave too many entries, or a token without a scope.
    "there are at most",
    "a token needs a scope",
    # A value is added or removed, not both.
    "the same value is in add and in remove",
    # Bindings are of a kind that the license accepts, and a domain is a host's name, of which not everybody has one below.
    "the license accepts no fingerprint of kind",
    "a domain is a host's name alone",
    "a domain is the name of one host",
    "belongs to everybody who has a name there",
    # The key is in the body or in the header.
    "the license key is missing",
    # A revocation repeats the id of its path.
    "revoking is final: confirm it",
    # These are counted in bytes.
    "bytes long",
    "features and limits are too long for a lease",
    "the change is too large to be recorded",
]


@schemathesis.hook
def filter_case(context, case):
    """Leaves the token in use alone: without it every further call would be a 401."""
    own = "/v1/admin/tokens/{id}"
    return not (case.path == own and (case.path_parameters or {}).get("id") == os.environ["OWN_TOKEN"])


@schemathesis.hook
def before_call(context, case, kwargs):
    """Reading calls of products carry a lease; activations and validations carry the key, unless it is in the body. Calls
    with a credential and streams, which do not end, are made without their proof."""
    if case.path in ("/v1/status", "/v1/catalogue", "/v1/changes"):
        case.headers["Authorization"] = "Bearer " + os.environ["PRODUCT_LEASE"]
    elif case.path in ("/v1/activate", "/v1/validate"):
        if isinstance(case.body, dict) and "license_key" in case.body:
            case.headers.pop("Authorization", None)
        else:
            case.headers["Authorization"] = "License " + os.environ["PRODUCT_KEY"]
    if case.path == "/v1/changes" and "wait" in (case.query or {}):
        case.query["wait"] = 0


@schemathesis.check
def sound_requests_are_accepted(ctx, response, case):
    """A request that the schema allows is not refused as one that makes no sense, but for the rules above."""
    if response.status_code != 422 or case.meta is None or not case.meta.generation.mode.is_positive:
        return
    problem = response.json()
    if problem["code"] == "invalid_request" and not any(rule in problem["detail"] for rule in UNEXPRESSED):
        pointers = [error["pointer"] for error in problem.get("errors", [])]
        raise AssertionError(f"the schema allows it, and it is refused: {pointers} {problem['detail']}")

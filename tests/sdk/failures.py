"""What Microsoft's SDK makes of an operation that fails, of a service that throttles, and of answers that are lost."""

import time

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.recoveryservicessiterecovery import models

from world import expect, same

RETRY_AFTER = 2


def refused(azure, place):
    """Errors of two layers: the reason of HTTP outside, what the service has to say inside."""
    gone = {**place, "replicated_protected_item_name": "gone"}
    malformed = ("BadRequest", "InvalidParameter")
    cases = [
        (lambda: azure.items.get(**gone), ResourceNotFoundError, "NotFound", "ArmResourceDoesNotExist"),
        # The next inner codes are the simulator's own: no source shows how a verb out of turn, or a bad body, is refused.
        (lambda: azure.items.begin_failover_commit(**place), ResourceExistsError, "Conflict", "OperationNotAllowed"),
        (lambda: azure.items.begin_unplanned_failover(**place, failover_input={}), HttpResponseError, *malformed),
    ]
    for call, kind, outer, inner in cases:
        try:
            call()
            raise AssertionError(f"no {outer}")
        except HttpResponseError as failure:
            same((type(failure), failure.error.code), (kind, outer), "kind of the error")
            detail = failure.error.details[0]
            same(detail.code, inner, "code of the error")
            print(f"refused: {outer}, {detail.code}: {detail.message}", flush=True)


def failed_failover(azure, place, failover, long):
    """The poller fails with the headline of the operation's status; the cause is in the job."""
    azure.control.post("items", {"name": "db01", "failNext": "capacity"})
    poller = azure.items.begin_unplanned_failover(**place, failover_input=failover)
    azure.control.advance(long)
    try:
        poller.result(timeout=60)
    except HttpResponseError as failure:
        same(failure.error.code, "25080", "code of the failure")
        assert "db01" in failure.error.message, failure.error.message
        print(f"failed failover: {poller.status()}, {failure.error.code} {failure.error.message}", flush=True)
    same(poller.status(), "Failed", "failed failover")
    job = azure.jobs()[0].properties
    same((job.scenario_name, job.state), ("UnplannedFailover", "Failed"), "job of the failed failover")
    errors = [expect(error.service_error_details, models.ServiceError) for error in job.errors]
    same([error.code for error in errors], ["539", "28031"], "codes of the job")
    assert "Allocation failed" in errors[-1].message, errors[-1].message


def lost_answers(azure, place, failover, long):
    """A gateway that answers 504 for a call that went through: the SDK sends the POST again, as it is made to."""
    control = azure.control
    fault = {"operation": "unplannedFailover", "effect": "executeThenAnswer", "status": 504, "times": 0}
    control.post("faults", {**fault, "code": "GatewayTimeout", "message": "The gateway did not receive a response."})
    since = len(control.get("ledger"))
    try:
        azure.items.begin_unplanned_failover(**place, failover_input=failover)
        raise AssertionError("a POST that is never answered is a success to the SDK")
    except HttpResponseError as failure:
        same((failure.status_code, failure.error.code), (504, "GatewayTimeout"), "the lost answer")
    control.call("DELETE", "faults")
    posts = control.posts("unplannedFailover", since)
    same([call["accepted"] for call in posts][:1], [True], "the first failover was accepted")
    same(sum(call["accepted"] for call in posts), 1, "failovers that were accepted")
    assert len(posts) >= 2, posts
    print(f"504 after accepting: the SDK sent the failover {len(posts)} times", flush=True)
    control.advance(long)


def throttled(azure, place):
    """429 with Retry-After, which the SDK's retry policy obeys, for a GET and for a POST."""
    control = azure.control
    told = {"effect": "refuse", "status": 429, "code": "SubscriptionRequestsThrottled", "retryAfter": RETRY_AFTER}
    control.post("faults", [{**told, "operation": operation} for operation in ("protectedItems.get", "failoverCommit")])
    before = control.requests("protectedItems.get")
    obeyed("GET", lambda: azure.item(place))
    same(control.requests("protectedItems.get") - before, 2, "GETs of a throttled item")
    since = len(control.get("ledger"))
    obeyed("POST", lambda: azure.items.begin_failover_commit(**place, polling=False))
    commits = control.posts("failoverCommit", since)
    same([(call["status"], call["accepted"]) for call in commits], [(429, False), (202, True)], "commits")
    control.advance(60)
    same(azure.state(place), "UnplannedFailoverCommitted", "state after the throttled commit")


def obeyed(method, call):
    start = time.monotonic()
    call()
    waited = time.monotonic() - start
    assert RETRY_AFTER <= waited < RETRY_AFTER + 8, f"{method}: Retry-After {RETRY_AFTER}, waited {waited:.1f} s"
    print(f"429 on a {method}: waited {waited:.1f} s for Retry-After {RETRY_AFTER}", flush=True)

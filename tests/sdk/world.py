"""The client of Microsoft's SDK on a simulator, the hand behind the simulator, and the check of what the SDK parsed."""

import datetime
import enum
import json
import ssl
import time
import typing
import urllib.request
from collections.abc import Mapping

from azure.core.rest import HttpRequest
from azure.identity import ClientSecretCredential
from azure.mgmt.recoveryservicessiterecovery import SiteRecoveryManagementClient, models

TENANT = "11111111-1111-1111-1111-111111111111"
CLIENT = "22222222-2222-2222-2222-222222222222"
SECRET = "demo-only-client-secret"
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
VAULT = {"resource_group_name": "rg-dr", "resource_name": "vault-dr"}

# Seconds between two polls when an answer names none; those of an operation's status never do (recorded).
POLL = 0.2


class Control:
    """`/_sim/`: clock, faults, items, behaviour and ledger of the simulator."""

    def __init__(self, arm, ca):
        self.base = f"{arm}/_sim"
        tls = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca))
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), tls)

    def call(self, method, name, body=None):
        data = None if body is None else json.dumps(body).encode()
        with self.opener.open(urllib.request.Request(f"{self.base}/{name}", data, method=method)) as answer:
            return json.load(answer)

    def get(self, name):
        return self.call("GET", name)

    def post(self, name, body):
        return self.call("POST", name, body)

    def advance(self, seconds):
        """Moves service time on; everything that ends meanwhile has ended then."""
        self.post("clock", {"advanceSeconds": seconds})

    def requests(self, operation):
        """How many requests of this operation have come, refused ones included."""
        return self.get("requests").get(operation, 0)

    def wait_for_requests(self, operation, count):
        deadline = time.monotonic() + 30
        while self.requests(operation) < count:
            assert time.monotonic() < deadline, f"{operation} was not asked for in 30 s"
            time.sleep(0.02)

    def posts(self, operation, since=0):
        """The ledger's lines about this operation, from its line `since` on."""
        return [call for call in self.get("ledger")[since:] if call["operation"] == operation]


class Azure:
    """The SDK's client, signed in as the operator of the seed."""

    def __init__(self, arm, authority, ca):
        self.control = Control(arm, ca)
        credential = ClientSecretCredential(
            TENANT, CLIENT, SECRET, authority=authority, disable_instance_discovery=True, connection_verify=ca
        )
        # Everything else is the SDK's own default: retries, polling, parsing.
        self.client = SiteRecoveryManagementClient(
            credential, SUBSCRIPTION, base_url=arm, connection_verify=ca, polling_interval=POLL
        )
        self.items = self.client.replication_protected_items

    def item(self, place):
        item = checked(self.items.get(**place), models.ReplicationProtectedItem)
        expect(item.properties.provider_specific_details, models.A2AReplicationDetails)
        return item

    def state(self, place):
        return self.item(place).properties.protection_state

    def points(self, place):
        listed = self.client.recovery_points.list_by_replication_protected_items(**place)
        return [checked(point, models.RecoveryPoint) for point in listed]

    def resource(self, id, version):
        """A resource of another provider, through the same pipeline."""
        answer = self.client.send_request(HttpRequest("GET", id, params={"api-version": version}))
        answer.raise_for_status()
        return answer.json()

    def jobs(self):
        """All jobs of the vault, newest first, as single GETs give them."""
        operations = self.client.replication_jobs
        listed = [checked(job, models.Job) for job in operations.list(**VAULT)]
        return [checked(operations.get(**VAULT, job_name=job.name), models.Job) for job in listed]


def place_of(id):
    """The SDK's arguments that name the item with this ARM id."""
    words = id.strip("/").split("/")
    named = dict(zip((word.lower() for word in words[::2]), words[1::2]))
    return {
        **VAULT,
        "fabric_name": named["replicationfabrics"],
        "protection_container_name": named["replicationprotectioncontainers"],
        "replicated_protected_item_name": named["replicationprotecteditems"],
    }


def container_of(place):
    return {name: value for name, value in place.items() if name != "replicated_protected_item_name"}


def expect(value, kind):
    """`value`, which must be of exactly this model, not of the base that an unknown discriminator falls back to."""
    assert type(value) is kind, f"{kind.__name__} is expected, and the SDK made {type(value).__name__}: {value}"
    return value


def same(left, right, what):
    assert left == right, f"{what}: {left!r} is not {right!r}"


def checked(model, kind):
    """`model`, of this kind, after every field that the SDK knows in it was read and found to be of its declared type."""
    walk(expect(model, kind), kind.__name__)
    return model


def walk(model, path):
    fields = getattr(model, "_attr_to_rest_field", {})
    for owner in type(model).__mro__:
        for name, declared in owner.__dict__.get("__annotations__", {}).items():
            if name in fields:
                declared = resolved(declared)
                # The SDK makes a text or a truth of whatever was sent: there, what was sent is judged.
                value = model.get(fields[name]._rest_name) if is_plain(declared) else getattr(model, name)
                judge(value, declared, f"{path}.{name}")


def is_plain(declared):
    """Whether this is a text, a truth or a number, or a list of them; it may be optional."""
    kinds = [kind for kind in typing.get_args(declared) or [declared] if kind is not type(None)]
    if len(kinds) == 1 and typing.get_origin(declared) in (typing.Union, list):
        return is_plain(kinds[0])
    return declared in (str, bool, int, float)


def resolved(declared):
    """The declared type with the SDK's forward references looked up."""
    scope = {"_models": models, "Literal": typing.Literal, **vars(typing)}
    holder = type("holder", (), {"__annotations__": {"field": declared}})
    return typing.get_type_hints(holder, {**scope, "datetime": datetime})["field"]


def judge(value, declared, path):
    if value is None or declared is typing.Any:
        return
    origin, arguments = typing.get_origin(declared), typing.get_args(declared)
    if origin is typing.Union:
        judge_union(value, [kind for kind in arguments if kind is not type(None)], path)
    elif origin is typing.Literal:
        assert value in arguments, f"{path}: {value!r} is none of {arguments}"
    elif origin is list:
        assert isinstance(value, list), f"{path}: {value!r} is no list"
        for index, element in enumerate(value):
            judge(element, arguments[0], f"{path}[{index}]")
    elif origin is dict:
        assert isinstance(value, Mapping), f"{path}: {value!r} is no mapping"
    elif declared in (int, float):
        number = isinstance(value, (int, declared)) and not isinstance(value, bool)
        assert number, f"{path}: {value!r} is no {declared}"
    else:
        assert isinstance(value, declared), f"{path}: {value!r} is no {declared}"
        if hasattr(value, "_attr_to_rest_field"):
            walk(value, path)


def judge_union(value, kinds, path):
    """One kind, or an open enumeration: a text that is one of its words."""
    words = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, enum.Enum)]
    if words:
        assert value in [word.value for word in words[0]], f"{path}: {value!r} is no {words[0].__name__}"
    else:
        same(len(kinds), 1, f"{path}: kinds of {value!r}")
        judge(value, kinds[0], path)

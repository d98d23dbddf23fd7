//! Bounded string schemas. A field stays a plain `String` in Rust and names one of these in `#[schemars(with = ..)]`,
//! so that every bound of the API is written once and the API server refuses what could not be a path segment, an
//! ARM id or a duration before anybody builds a URL of it.
//!
//! Patterns are for what people write. What Azure says is bounded in length only: the API server refuses a whole
//! status for one value that does not match, and a name that we did not foresee must not blind the operator.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// Any text of at most `MAX` characters.
pub(super) struct Text<const MAX: u32>;

/// Any text of 1 to `MAX` characters that names something.
pub(super) struct Name<const MAX: u32>;

/// A word that people and machines read: letters and digits, first one a capital, like a condition's reason.
pub(super) struct Word;

/// RFC 3339 date and time that Azure gave. Not `format: date-time`, in whose place the API server takes a list; and any
/// date, since a record that is refused for what Azure said could not be closed.
pub(super) struct DateTime;

/// RFC 3339 date and time with a zone. Without `format: date-time`, because CEL then compares instants, and
/// `self == oldSelf` would let the same instant be spelt anew under a request that must not change. Bounded to years that
/// every reader of dates knows: an object whose date cannot be read cannot be seen.
pub(super) struct Instant;

/// A GUID in either case.
pub(super) struct Guid;

/// An Azure region in its normalised form, such as `westeurope`.
pub(super) struct Region;

/// An Azure availability zone.
pub(super) struct Zone;

/// One segment of an ARM id or path: no slash, no percent sign, and never only dots.
pub(super) struct Segment<const MAX: u32>;

/// The ARM id of a virtual machine.
pub(super) struct VirtualMachineId;

/// The ARM id of a resource group.
pub(super) struct ResourceGroupId;

/// The ARM id of a resource in a resource group, of any type.
pub(super) struct ResourceId;

/// Name of a Kubernetes object.
pub(super) struct ObjectName;

/// Name of a Kubernetes namespace.
pub(super) struct NamespaceName;

/// Lower-case hex sha256.
pub(super) struct Sha256;

/// A duration as Go writes it, of at least `MIN_SECONDS`.
pub(super) struct GoDuration<const MIN_SECONDS: u32>;

/// A duration as Go writes it, or whole days (`90d`), more than zero.
pub(super) struct DaysOrGoDuration;

/// Key of a Secret's data.
pub(super) struct SecretKey;

/// The parts of Go's notation that this API takes: no sign, nothing shorter than a millisecond.
const GO_DURATION: &str = "^([0-9]{1,9}([.][0-9]{1,9})?(ms|s|m|h))+$";

const INSTANT: &str =
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$";

const SEGMENT: &str = r"[A-Za-z0-9_()-][A-Za-z0-9._()-]*";

macro_rules! schema_of {
    ($name:ident $(<const $bound:ident>)?, $schema:expr) => {
        impl $(<const $bound: u32>)? JsonSchema for $name $(<$bound>)? {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

schema_of!(Text<const MAX>, json_schema!({"type": "string", "maxLength": MAX}));
schema_of!(Name<const MAX>, json_schema!({"type": "string", "minLength": 1, "maxLength": MAX}));
schema_of!(Word, json_schema!({"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[A-Z][A-Za-z0-9]*$"}));
schema_of!(DateTime, json_schema!({"type": "string", "maxLength": 40, "pattern": INSTANT}));
schema_of!(
    Instant,
    json_schema!({
        "type": "string",
        "maxLength": 40,
        "x-kubernetes-validations": [{
            "rule": format!(
                "self.matches('{INSTANT}') && timestamp(self) > timestamp('2000-01-01T00:00:00Z') && timestamp(self) < timestamp('9999-01-01T00:00:00Z')"
            ),
            "message": "must be a date and time with a zone, such as 2026-03-01T04:00:00Z"
        }]
    })
);
schema_of!(
    Guid,
    json_schema!({
        "type": "string",
        "maxLength": 36,
        "pattern": "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
    })
);
schema_of!(Region, json_schema!({"type": "string", "minLength": 2, "maxLength": 40, "pattern": "^[a-z0-9]{2,40}$"}));
schema_of!(Zone, json_schema!({"type": "string", "minLength": 1, "maxLength": 1, "pattern": "^[1-9]$"}));
schema_of!(
    Segment<const MAX>,
    json_schema!({"type": "string", "minLength": 1, "maxLength": MAX, "pattern": format!("^{SEGMENT}$")})
);
schema_of!(
    VirtualMachineId,
    json_schema!({
        "type": "string",
        "maxLength": 512,
        "pattern": format!(
            "(?i)^/subscriptions/[0-9a-f-]{{36}}/resourceGroups/{SEGMENT}/providers/Microsoft\\.Compute/virtualMachines/{SEGMENT}$"
        )
    })
);
schema_of!(
    ResourceGroupId,
    json_schema!({
        "type": "string",
        "maxLength": 512,
        "pattern": format!("(?i)^/subscriptions/[0-9a-f-]{{36}}/resourceGroups/{SEGMENT}$")
    })
);
schema_of!(
    ResourceId,
    json_schema!({
        "type": "string",
        "maxLength": 512,
        "pattern": format!(
            "(?i)^/subscriptions/[0-9a-f-]{{36}}/resourceGroups/{SEGMENT}/providers/[a-z0-9.]{{3,80}}(/{SEGMENT}){{2,8}}$"
        )
    })
);
schema_of!(
    ObjectName,
    json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": 253,
        "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
    })
);
schema_of!(
    NamespaceName,
    json_schema!({"type": "string", "minLength": 1, "maxLength": 63, "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"})
);
schema_of!(Sha256, json_schema!({"type": "string", "maxLength": 64, "pattern": "^[0-9a-f]{64}$"}));
schema_of!(
    GoDuration<const MIN_SECONDS>,
    json_schema!({
        "type": "string",
        "maxLength": 32,
        "x-kubernetes-validations": [{
            "rule": format!("self.matches('{GO_DURATION}') && duration(self) >= duration('{MIN_SECONDS}s')"),
            "message": format!("must be a duration of at least {MIN_SECONDS}s, such as 45s, 15m or 1h30m")
        }]
    })
);
schema_of!(
    DaysOrGoDuration,
    json_schema!({
        "type": "string",
        "maxLength": 32,
        "x-kubernetes-validations": [{
            "rule": format!(
                "self.matches('^[1-9][0-9]{{0,4}}d$') || (self.matches('{GO_DURATION}') && duration(self) > duration('0s'))"
            ),
            "message": "must be a duration of more than zero, such as 15m, 1h30m or 90d"
        }]
    })
);
schema_of!(
    SecretKey,
    json_schema!({"type": "string", "minLength": 1, "maxLength": 253, "pattern": "^[-._a-zA-Z0-9]+$"})
);

use super::*;
use serde_json::json;

fn hidden(anonymize: bool, value: &Value) -> String {
    let mut hidden = Hidden::new(&BTreeSet::from(["hunter2-secret".to_owned()]), anonymize);
    hidden.learn("", value);
    hidden.body("", value).to_string()
}

const SUBSCRIPTION: &str = "7c943c1b-5122-4097-90c8-861411bdd574";
const SOMEBODY: &str = "9c0ffee0-5122-4097-90c8-861411bdd574";

#[test]
fn ids_of_subscriptions_and_identities_get_one_stand_in_each_even_before_they_are_recognised() {
    let shown = hidden(
        false,
        &json!({
            "early": SOMEBODY,
            "id": format!("/Subscriptions/{SUBSCRIPTION}/resourceGroups/rg"),
            "error": {"message": format!("The client 'x' with object id '{SOMEBODY}' may not. Subscription {SUBSCRIPTION}.")},
            "job": "bcc070e1-0012-4350-89a0-c2d99fe3e361",
        }),
    );
    assert!(!shown.contains(SUBSCRIPTION) && !shown.contains(SOMEBODY), "{shown}");
    assert!(shown.contains("/Subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg"), "{shown}");
    assert_eq!(shown.matches("00000000-0000-0000-0001-000000000001").count(), 2, "{shown}");
    assert!(shown.contains("bcc070e1-0012-4350-89a0-c2d99fe3e361"), "{shown}");
}

#[test]
fn signatures_tokens_and_secrets_go_and_the_names_of_parameters_stay() {
    let shown = hidden(
        false,
        &json!({
            "link": "https://h/x?api-version=1&t=11&c=CERT&s=SIG%3D&h=HASH",
            "said": "poll 'https://h/y?t=1&s=SIG' with Bearer abc.def, hunter2-secret; eyJhbGciOi.x.y",
            "osProfile": {"adminUsername": "root1", "customData": "ZZZ", "secrets": [{"sourceVault": {"id": "ZZZ"}}]},
            "tags": {"owner": "ZZZ"},
        }),
    );
    assert!(shown.contains("https://h/x?api-version=1&t=REDACTED&c=REDACTED&s=REDACTED&h=REDACTED"), "{shown}");
    for canary in ["SIG", "CERT", "HASH", "abc.def", "hunter2", "eyJ", "root1", "owner"] {
        assert!(!shown.contains(canary), "{canary}: {shown}");
    }
}

#[test]
fn people_and_public_addresses_go_and_private_addresses_stay() {
    let shown = hidden(
        false,
        &json!({
            "systemData": {"createdBy": "Ada Lovelace", "lastModifiedBy": "ada@example.org"},
            "said": "Ada Lovelace <ada@example.org> at 20.50.1.2:443, 10.1.0.4, 2603:1020:5::1 and 9.56.6879.1",
        }),
    );
    for canary in ["Ada", "ada@", "20.50.1.2", "2603"] {
        assert!(!shown.contains(canary), "{canary}: {shown}");
    }
    assert!(shown.contains("203.0.113.1:443, 10.1.0.4") && shown.contains("9.56.6879.1"), "{shown}");
}

#[test]
fn names_stay_unless_they_are_to_be_hidden() {
    let value = json!({
        "id": format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/prod-web/providers/Microsoft.Compute/virtualMachines/shop01"),
        "disk": format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/PROD-WEB/providers/Microsoft.Compute/disks/shop01-os"),
        "said": "Failover of 'shop01' in westeurope",
    });
    assert!(hidden(false, &value).contains("prod-web"));
    let shown = hidden(true, &value);
    for canary in ["shop01", "prod-web", "PROD-WEB"] {
        assert!(!shown.contains(canary), "{canary}: {shown}");
    }
    assert!(shown.contains("/resourceGroups/rg-1/providers/Microsoft.Compute/virtualMachines/vm-1"), "{shown}");
    assert!(shown.contains("/disks/disk-1") && shown.contains("Failover of 'vm-1' in westeurope"), "{shown}");
}

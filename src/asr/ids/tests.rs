use super::*;

const VAULT: &str = "/subscriptions/7c943c1b-5122-4097-90c8-861411bdd574/resourceGroups/rg (1)/providers/Microsoft.RecoveryServices/vaults/v1";
const RECORDED_ITEM: &str = "/Subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/CliTeraformVaultRG/providers/Microsoft.RecoveryServices/vaults/CliTerraformVault/replicationFabrics/cli-test-fabric-A2A-1/replicationProtectionContainers/cli-test-container-A2A-1/replicationProtectedItems/cli-test-protected-item-A2A-1";

#[test]
fn a_vault_id_reads_any_case_and_prints_arms_spelling() {
    let parsed = VaultId::parse(&VAULT.to_uppercase()).unwrap();
    assert_eq!(parsed.lower(), VAULT.to_lowercase());
    assert_eq!(VaultId::parse(VAULT).unwrap().to_string(), VAULT);
}

#[test]
fn a_vault_part_that_would_change_the_path_is_refused() {
    let subscription = "7c943c1b-5122-4097-90c8-861411bdd574";
    for bad in ["", " ", ".", "..", "a/b", "a\\b", "a?b", "a#b", "a%2fb", "a\nb", &"x".repeat(91)] {
        assert!(VaultId::new(subscription, bad, "v1").is_err(), "group {bad:?}");
        assert!(VaultId::new(subscription, "rg", bad).is_err(), "vault {bad:?}");
    }
    for bad in ["", "sub", "7c943c1b51224097 90c8861411bdd574", "{7c943c1b-5122-4097-90c8-861411bdd5}"] {
        assert!(VaultId::new(bad, "rg", "v1").is_err(), "subscription {bad:?}");
    }
}

#[test]
fn a_vault_id_with_something_before_or_behind_it_is_refused() {
    for bad in [&VAULT[1..], &format!("{VAULT}/"), &format!("{VAULT}/replicationFabrics/f"), "/"] {
        assert!(VaultId::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn an_item_path_is_read_from_a_recorded_id() {
    let path = ItemPath::parse(RECORDED_ITEM).unwrap();
    assert_eq!(path.name(), "cli-test-protected-item-A2A-1");
    assert_eq!(path.fabric(), "cli-test-fabric-A2A-1");
    assert_eq!(path.vault().name(), "CliTerraformVault");
    assert_eq!(path.lower(), RECORDED_ITEM.to_lowercase());
    assert_eq!(ItemPath::parse(&RECORDED_ITEM.to_lowercase()).unwrap().lower(), path.lower());
    assert!(path.to_string().starts_with(&path.collection()));
}

#[test]
fn a_job_id_is_found_at_the_end_of_every_recorded_address() {
    let guid = "bcc070e1-0012-4350-89a0-c2d99fe3e361";
    for path in [
        format!("/Subscriptions/s/x/replicationJobs/{guid}"),
        format!("https://management.azure.com/a/replicationOperationStatus/{guid}?api-version=2022-08-01&t=1&s=x/y"),
        format!("https://management.azure.com/a/operationresults/{}", guid.to_uppercase()),
    ] {
        assert_eq!(JobId::from_path(&path).unwrap().as_str(), guid, "{path}");
    }
    for path in ["/a/replicationJobs/None", "/a/replicationJobs/", "", "6efffda2-64f5-478f-a250 5/15/2017 2:17:03 PM"] {
        assert_eq!(JobId::from_path(path), None, "{path}");
    }
}

#[test]
fn only_a_plain_resource_id_becomes_a_request_path() {
    let id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourcegroups/rg/providers/microsoft.compute/virtualmachines/clivm2";
    assert!(check_resource(id, "Microsoft.Compute", "virtualMachines").is_ok());
    assert!(check_resource(&format!("{id}/../x"), "Microsoft.Compute", "virtualMachines").is_err());
    assert!(check_resource(&format!("{id}?x"), "Microsoft.Compute", "virtualMachines").is_err());
    assert!(check_resource(id, "Microsoft.Network", "networkInterfaces").is_err());
}

//! Sides, names and which item is meant, row by row.

use super::*;

fn sides() -> Sides {
    Sides { primary_region: "westeurope".into(), recovery_region: "northeurope".into() }
}

fn item() -> Item {
    Item {
        name: "app01-item".into(),
        source_vm_id: "/subscriptions/s/resourcegroups/rg-app/providers/microsoft.compute/virtualmachines/app01".into(),
        active: Some(Active::Primary),
        primary_region: "westeurope".into(),
        recovery_region: "northeurope".into(),
        initial_primary_region: "westeurope".into(),
        initial_recovery_region: "northeurope".into(),
        ..Item::default()
    }
}

fn swapped() -> Item {
    let mut item = item();
    std::mem::swap(&mut item.primary_region, &mut item.recovery_region);
    item.source_vm_id =
        "/subscriptions/s/resourcegroups/rg-app-dr/providers/microsoft.compute/virtualmachines/app01".into();
    item.recovery_resource_group_id = Some("/subscriptions/s/resourceGroups/rg-app".into());
    item.recovery_vm_name = Some("app01".into());
    item
}

#[test]
fn side_follows_regions_not_active_location() {
    let failed_over = Item { active: Some(Active::Recovery), ..item() };
    let failed_back = Item { active: Some(Active::Recovery), ..swapped() };
    for (item, side) in [
        (item(), Side::Primary),
        (failed_over, Side::Recovery),
        (swapped(), Side::Recovery),
        (failed_back, Side::Primary),
    ] {
        assert_eq!(active_side(&item, &sides()), Ok(side), "{item:?}");
    }
}

#[test]
fn sides_that_disagree_are_an_obstacle() {
    let elsewhere = Item { primary_region: "eastus".into(), ..item() };
    let other_way =
        Item { initial_primary_region: "northeurope".into(), initial_recovery_region: "westeurope".into(), ..item() };
    for item in [elsewhere, other_way] {
        assert_eq!(active_side(&item, &sides()).map_err(|o| o.reason), Err(Reason::SidesDisagree), "{item:?}");
    }
    let one = Sides { primary_region: "westeurope".into(), recovery_region: "West Europe".into() };
    assert_eq!(active_side(&item(), &one).map_err(|o| o.reason), Err(Reason::SidesDisagree));
    let unknown = Item { active: Some(Active::Other), ..item() };
    assert_eq!(active_side(&unknown, &sides()).map_err(|o| o.reason), Err(Reason::Pending));
}

#[test]
fn source_vm_names_the_item_in_both_directions() {
    let vm = Naming::SourceVm(
        "/subscriptions/S/resourceGroups/RG-APP/providers/Microsoft.Compute/virtualMachines/App01".into(),
    );
    assert!(is_named(&item(), &vm, &sides()));
    assert!(is_named(&swapped(), &vm, &sides()));
    let recovered = Naming::SourceVm(swapped().source_vm_id);
    assert!(!is_named(&swapped(), &recovered, &sides()), "the recovered VM is not the source VM");
}

#[test]
fn identify_refuses_none_and_two() {
    let vm = Naming::SourceVm(item().source_vm_id);
    assert_eq!(identify(&[], &vm, &sides()).map_err(|o| o.reason), Err(Reason::ItemNotFound));
    let two = [item(), Item { name: "other".into(), ..item() }];
    assert_eq!(identify(&two, &vm, &sides()).map_err(|o| o.reason), Err(Reason::AmbiguousItem));
    let twice = [item(), item()];
    assert_eq!(
        identify(&twice, &vm, &sides()).map(|i| i.name.as_str()),
        Ok(item().name.as_str()),
        "one item, shown twice"
    );
    let (here, there) = (Item { id: "/here".into(), ..item() }, Item { id: "/there".into(), ..swapped() });
    let moved = identify(&[here, there], &vm, &sides()).unwrap_err();
    assert!(moved.reason == Reason::AmbiguousItem && moved.message.contains("at two places"), "{moved:?}");
    let named = Naming::ItemName("OTHER".into());
    assert_eq!(identify(&two, &named, &sides()).map(|i| i.name.as_str()), Ok("other"));
}

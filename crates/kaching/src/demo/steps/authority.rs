use super::{Shown, Stage, typed};

/// A fresh authority on SQLite answers.
pub(super) fn starts(stage: &mut Stage) -> Shown {
    let address = stage.serve()?;
    Ok(vec![format!("It made its keys and its database, and serves products on http://{address}")])
}

/// The products of the vendor, a customer, a license.
pub(super) fn sells(stage: &mut Stage) -> Shown {
    stage.operator(&["seed"])?;
    let customer = ["customer", "create", "--name", "Northwind Robotics", "--reference", "NORTHWIND"];
    stage.operator(&customer)?;
    let license =
        ["license", "create", "--customer", "NORTHWIND", "--product", "chorus", "--plan", "community"];
    let made = stage.operator(&license)?;
    stage.license = made["id"].as_str().unwrap_or_default().to_owned();
    stage.key = made["key"].as_str().unwrap_or_default().to_owned();
    super::unless(!stage.key.is_empty(), || format!("A new license has no key: {made}"))?;
    Ok(vec![
        typed(&["seed"]),
        typed(&customer),
        typed(&license),
        format!("{}  one cluster, three nodes", stage.key),
    ])
}

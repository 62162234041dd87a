use super::{Sandbox, StepResult, command_line};

/// A fresh authority on SQLite answers.
pub(super) fn starts(sandbox: &mut Sandbox) -> StepResult {
    let address = sandbox.serve()?;
    Ok(vec![format!("It made its keys and its database, and serves products on http://{address}")])
}

/// The operator creates the products, a customer and a license.
pub(super) fn sells(sandbox: &mut Sandbox) -> StepResult {
    sandbox.operator(&["seed"])?;
    let customer = ["customer", "create", "--name", "Northwind Robotics", "--reference", "NORTHWIND"];
    sandbox.operator(&customer)?;
    let license =
        ["license", "create", "--customer", "NORTHWIND", "--product", "chorus", "--plan", "community"];
    let made = sandbox.operator(&license)?;
    sandbox.license = made["id"].as_str().unwrap_or_default().to_owned();
    sandbox.key = made["key"].as_str().unwrap_or_default().to_owned();
    super::ensure(!sandbox.key.is_empty(), || format!("A new license has no key: {made}"))?;
    Ok(vec![
        command_line(&["seed"]),
        command_line(&customer),
        command_line(&license),
        format!("{}  one cluster, three nodes", sandbox.key),
    ])
}

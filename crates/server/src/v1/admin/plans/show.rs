super::super::noun::show! {
    /// Shows a plan by `<product>:<code>`.
    "/v1/admin/plans/{id}" needs Read, "The plan": Plan = plan, plan
}

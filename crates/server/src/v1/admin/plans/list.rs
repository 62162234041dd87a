super::super::noun::list! {
    /// Lists plans.
    "/v1/admin/plans" needs Read: Plan = plans, plan;

    /// Which plans are listed.
    PlanQuery => PlanFilter by "^-?(created_at|code|rank)$" {
        /// Only those of the product with this code.
        product: Option<String>,
        /// Also archived ones.
        archived: bool,
    }
}

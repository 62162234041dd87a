super::super::noun::archive! {
    /// Hides a plan: no new license is made with it.
    "/v1/admin/plans/{id}" needs CatalogueWrite, "The plan, archived": Plan = archive_plan, plan
}

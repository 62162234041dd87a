super::super::noun::show! {
    /// Shows a license by its id.
    "/v1/admin/licenses/{id}" needs Read, "The license": License = license, license
}

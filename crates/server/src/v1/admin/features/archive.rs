super::super::noun::archive! {
    /// Archives a feature: no catalogue shows it any more.
    "/v1/admin/features/{id}" needs CatalogueWrite, "The feature, archived": Feature = archive_feature, feature
}

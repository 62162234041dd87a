super::super::noun::show! {
    /// Shows a feature by `<product>:<code>`.
    "/v1/admin/features/{id}" needs Read, "The feature": Feature = feature, feature
}

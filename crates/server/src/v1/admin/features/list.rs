super::super::noun::list! {
    /// Lists features.
    "/v1/admin/features" needs Read: Feature = features, feature;

    /// Which features are listed.
    FeatureQuery => FeatureFilter by "^-?(created_at|code)$" {
        /// Only those of the product with this code.
        product: Option<String>,
        /// Also archived ones.
        archived: bool,
    }
}

super::super::noun::show! {
    /// Shows an API token.
    "/v1/admin/tokens/{id}" needs Admin, "The token": Token = token, token
}

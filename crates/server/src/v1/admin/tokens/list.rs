super::super::noun::list! {
    /// Lists API tokens.
    "/v1/admin/tokens" needs Admin: Token = tokens, token;

    /// Which tokens are listed.
    TokenQuery => TokenFilter by "^-?(created_at)$" {
        /// Also archived ones.
        archived: bool,
    }
}

super::super::noun::list! {
    /// Lists products.
    "/v1/admin/products" needs Read: Product = products, product;

    /// Which products are listed.
    ProductQuery => ProductFilter by "^-?(created_at|code)$" {
        /// Also archived ones.
        archived: bool,
    }
}

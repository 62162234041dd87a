super::super::noun::show! {
    /// Shows a product by its code.
    "/v1/admin/products/{id}" needs Read, "The product": Product = product, product
}

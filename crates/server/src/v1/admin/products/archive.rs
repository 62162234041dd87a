super::super::noun::archive! {
    /// Hides a product: no new plan or license is made of it.
    "/v1/admin/products/{id}" needs CatalogueWrite, "The product, archived": Product = archive_product, product
}

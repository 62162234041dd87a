use crate::words;

words! {
    /// What a fingerprint identifies.
    FingerprintKind, "a kind" {
        /// Several machines that act as one.
        Cluster = "cluster",
        /// One machine.
        Device = "device",
        /// One running copy.
        Instance = "instance",
        /// A domain name.
        Domain = "domain",
    }
}

words! {
    /// What a license is sold as: a label for reports.
    LicenseType, "a type" {
        /// To try the product.
        Trial = "trial",
        /// The usual one.
        Standard = "standard",
        /// For large customers.
        Enterprise = "enterprise",
        /// Without an end date.
        Perpetual = "perpetual",
    }
}

words! {
    /// The algorithm that signs a product's leases; the names are those of RFC 7518 and RFC 8037.
    LeaseAlgorithm, "a lease algorithm" {
        /// Ed25519.
        EdDsa = "EdDSA",
        /// RSA-3072 with SHA-256, PKCS #1 v1.5.
        Rs256 = "RS256",
    }
}

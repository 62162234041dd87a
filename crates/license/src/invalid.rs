/// Why a statement does not count: a closed list, one sentence each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Over 16 KiB.
    #[error("the statement is longer than 16 KiB")]
    TooLong,
    /// Not three parts of canonical base64url.
    #[error("this is not a signed statement: it must be three parts of base64url with dots between")]
    NotCompact,
    /// The header has other members than `alg`, `typ` and `kid`.
    #[error("the statement's header is not exactly alg, typ and kid")]
    Header,
    /// A statement of another type.
    #[error("the statement is of another type than the one expected here")]
    Type,
    /// The keyset doesn't list the key.
    #[error("the statement is signed with a key that the keyset does not list")]
    UnknownKey,
    /// The key is registered for another algorithm.
    #[error("the statement names another algorithm than its key has")]
    Algorithm,
    /// The key signs other things.
    #[error("the statement is signed with a key that serves another purpose")]
    Purpose,
    /// Forged or damaged.
    #[error("the signature is wrong: the statement was changed or comes from someone else")]
    Signature,
    /// RS256 in a program that was built without it.
    #[error("this program was built without RS256: build it with the feature rs256")]
    Unsupported,
    /// Two members of one name.
    #[error("the statement says something twice")]
    DuplicateMember,
    /// A claim is missing or of another type.
    #[error("the statement's claims are incomplete or malformed: {0}")]
    Claims(String),
    /// Signed by a key outside its time.
    #[error("the statement was signed at a time at which its key signs nothing")]
    KeyTime,
    /// Of another authority.
    #[error("the statement comes from another authority than the keyset")]
    Issuer,
    /// For another product.
    #[error("the statement is for another product")]
    Audience,
    /// For another license.
    #[error("the statement is for another license")]
    License,
    /// For another activation.
    #[error("the statement is for another activation")]
    Activation,
    /// For another installation.
    #[error("the statement is for another installation")]
    Fingerprint,
    /// Answers another request.
    #[error("the statement answers another request")]
    Request,
    /// Not yet.
    #[error("the statement is not valid yet: the clock here is probably behind")]
    NotYetValid,
    /// No longer.
    #[error("the statement has expired")]
    Expired,
    /// It is not newer than the lease held.
    #[error("the refusal is older than the lease held")]
    Outdated,
    /// No pinned root signed it.
    #[error("the keyset is signed by a root key that is not pinned here")]
    UnknownRoot,
    /// The keyset's own time is over.
    #[error("the keyset has expired: fetch the present one")]
    KeysetExpired,
    /// Older than the one held.
    #[error("the keyset is older than the one held")]
    KeysetOutdated,
    /// A listed key is weak or listed twice.
    #[error("the keyset lists a key that cannot be used")]
    KeysetKey,
}

impl Invalid {
    /// The name of the reason, as the test vectors write it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::NotCompact => "not_compact",
            Self::Header => "header",
            Self::Type => "type",
            Self::UnknownKey => "unknown_key",
            Self::Algorithm => "algorithm",
            Self::Purpose => "purpose",
            Self::Signature => "signature",
            Self::Unsupported => "unsupported",
            Self::DuplicateMember => "duplicate_member",
            Self::Claims(_) => "claims",
            Self::KeyTime => "key_time",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::License => "license",
            Self::Activation => "activation",
            Self::Fingerprint => "fingerprint",
            Self::Request => "request",
            Self::NotYetValid => "not_yet_valid",
            Self::Expired => "expired",
            Self::Outdated => "outdated",
            Self::UnknownRoot => "unknown_root",
            Self::KeysetExpired => "keyset_expired",
            Self::KeysetOutdated => "keyset_outdated",
            Self::KeysetKey => "keyset_key",
        }
    }
}

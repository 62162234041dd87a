use crate::words;

words! {
    /// Every reason for which an answer is not what was asked for: a closed list.
    ErrorCode, "a code" {
        /// No license has this key.
        LicenseNotFound = "license_not_found",
        /// The key is mistyped.
        KeyMalformed = "key_malformed",
        /// The license is suspended.
        LicenseSuspended = "license_suspended",
        /// The license is revoked.
        LicenseRevoked = "license_revoked",
        /// The license and its expiry grace have ended.
        LicenseExpired = "license_expired",
        /// The license starts later.
        LicenseNotYetValid = "license_not_yet_valid",
        /// The license is for another product.
        ProductMismatch = "product_mismatch",
        /// The license is bound to another installation.
        BindingMismatch = "binding_mismatch",
        /// The activation is another installation's.
        FingerprintMismatch = "fingerprint_mismatch",
        /// The license does not accept this kind of fingerprint.
        KindNotAllowed = "kind_not_allowed",
        /// The activation was moved to another installation.
        ActivationSuperseded = "activation_superseded",
        /// An operator freed the activation.
        ActivationReleased = "activation_released",
        /// The installation deactivated itself.
        ActivationDeactivated = "activation_deactivated",
        /// Two installations use one credential.
        CopySuspected = "copy_suspected",
        /// All slots are held.
        ActivationLimitReached = "activation_limit_reached",
        /// The moves of these 30 days are used up.
        MovesExhausted = "moves_exhausted",
        /// The license does not have this feature.
        FeatureNotLicensed = "feature_not_licensed",
        /// A level would exceed its maximum.
        LimitExceeded = "limit_exceeded",
        /// A counter would exceed its maximum.
        QuotaExceeded = "quota_exceeded",
        /// The credential does not prove the activation.
        CredentialInvalid = "credential_invalid",
        /// There is no such activation.
        ActivationNotFound = "activation_not_found",
        /// The object's state does not allow this.
        WrongState = "wrong_state",
        /// The new limit is below what is in use.
        BelowPresentUse = "below_present_use",
        /// The object was changed since it was read.
        PreconditionFailed = "precondition_failed",
        /// The name is taken.
        AlreadyExists = "already_exists",
        /// The same request is still being handled.
        IdempotencyInProgress = "idempotency_in_progress",
        /// The request makes no sense.
        InvalidRequest = "invalid_request",
        /// The request cannot be read.
        MalformedBody = "malformed_body",
        /// The path does not take this method.
        MethodNotAllowed = "method_not_allowed",
        /// The request did not come whole in time.
        RequestTimeout = "request_timeout",
        /// The body is longer than any request's.
        BodyTooLarge = "body_too_large",
        /// The path and its parameters are longer than any request's.
        UriTooLong = "uri_too_long",
        /// The body is not JSON, or is compressed.
        UnsupportedMediaType = "unsupported_media_type",
        /// The headers are longer or more than any request's.
        HeadersTooLarge = "headers_too_large",
        /// The idempotency key was used for another request.
        IdempotencyKeyReused = "idempotency_key_reused",
        /// There is no such thing.
        NotFound = "not_found",
        /// Nobody is signed in.
        Unauthenticated = "unauthenticated",
        /// The caller has no right to this.
        Forbidden = "forbidden",
        /// Too many requests.
        RateLimited = "rate_limited",
        /// The authority is busy, or cannot do its work.
        Overloaded = "overloaded",
        /// It is not known whether the change took effect.
        OutcomeUnknown = "outcome_unknown",
        /// The authority failed.
        Failure = "failure",
    }
}

impl ErrorCode {
    /// The codes whose signed refusal stops a running client immediately.
    pub fn stops(self) -> bool {
        use ErrorCode::*;
        matches!(
            self,
            LicenseSuspended
                | LicenseRevoked
                | LicenseExpired
                | LicenseNotYetValid
                | ProductMismatch
                | BindingMismatch
                | FingerprintMismatch
                | KindNotAllowed
                | ActivationSuperseded
                | ActivationReleased
                | ActivationDeactivated
                | CopySuspected
        )
    }

    /// The codes that product calls answer with a signed refusal.
    pub fn signed(self) -> bool {
        use ErrorCode::*;
        self.stops()
            || matches!(
                self,
                ActivationLimitReached | MovesExhausted | FeatureNotLicensed | LimitExceeded | QuotaExceeded
            )
    }
}

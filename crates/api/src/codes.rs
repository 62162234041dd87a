use kaching_base::ErrorCode::{self, *};

/// The closed list: code, HTTP status, title.
pub const STATUSES: &[(ErrorCode, u16, &str)] = &[
    (LicenseNotFound, 404, "No license has this key"),
    (KeyMalformed, 422, "The license key is mistyped"),
    (LicenseSuspended, 403, "The license is suspended"),
    (LicenseRevoked, 403, "The license is revoked"),
    (LicenseExpired, 403, "The license has expired"),
    (LicenseNotYetValid, 403, "The license is not valid yet"),
    (ProductMismatch, 403, "The license is for another product"),
    (BindingMismatch, 403, "The license is bound to another installation"),
    (FingerprintMismatch, 403, "The activation belongs to another installation"),
    (KindNotAllowed, 403, "The license does not accept this kind of fingerprint"),
    (ActivationSuperseded, 403, "The activation was moved to another installation"),
    (ActivationReleased, 403, "An operator released the activation"),
    (ActivationDeactivated, 403, "The installation was deactivated"),
    (CopySuspected, 403, "Two installations use one credential"),
    (ActivationLimitReached, 403, "All slots of the license are in use"),
    (MovesExhausted, 403, "The moves of these 30 days are used up"),
    (FeatureNotLicensed, 403, "The license does not have this feature"),
    (LimitExceeded, 403, "The level would exceed its limit"),
    (QuotaExceeded, 403, "The quota of this period is used up"),
    (CredentialInvalid, 401, "The credential does not prove the activation"),
    (ActivationNotFound, 404, "There is no such activation"),
    (WrongState, 409, "The present state does not allow this"),
    (BelowPresentUse, 409, "The new limit is below the present use"),
    (PreconditionFailed, 412, "The object was changed since it was read"),
    (AlreadyExists, 409, "The name is taken"),
    (IdempotencyInProgress, 409, "The same request is still being handled"),
    (InvalidRequest, 422, "The request makes no sense"),
    (MalformedBody, 400, "The request cannot be read"),
    (MethodNotAllowed, 405, "The path does not take this method"),
    (RequestTimeout, 408, "The request did not come in time"),
    (BodyTooLarge, 413, "The body is too long"),
    (UriTooLong, 414, "The address is too long"),
    (UnsupportedMediaType, 415, "The body is of another type than JSON"),
    (HeadersTooLarge, 431, "The headers are too long"),
    (IdempotencyKeyReused, 422, "The idempotency key was used for another request"),
    (NotFound, 404, "There is no such thing"),
    (Unauthenticated, 401, "Nobody is signed in"),
    (Forbidden, 403, "The caller has no right to this"),
    (RateLimited, 429, "Too many requests"),
    (Overloaded, 503, "The authority cannot answer now"),
    (OutcomeUnknown, 503, "It is not known whether the change took effect"),
    (Failure, 500, "The authority failed"),
];

fn row(code: ErrorCode) -> (u16, &'static str) {
    STATUSES
        .iter()
        .find(|row| row.0 == code)
        .map_or((500, "The authority failed"), |(_, status, title)| (*status, *title))
}

/// The HTTP status of a code.
pub fn status(code: ErrorCode) -> u16 {
    row(code).0
}

/// The meaning of a code, for people.
pub fn title(code: ErrorCode) -> &'static str {
    row(code).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_row() {
        let rows: Vec<_> = STATUSES.iter().map(|row| row.0).collect();
        assert_eq!(rows, ErrorCode::ALL);
    }

    #[test]
    fn what_is_signed_is_forbidden() {
        for (code, status, _) in STATUSES {
            assert!(!code.signed() || *status == 403, "{code}");
        }
    }
}

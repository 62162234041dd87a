/// A rule that did not hold, as a sentence.
#[derive(Clone, Debug)]
pub(crate) struct Broken(pub(crate) String);

macro_rules! ensure {
    ($holds:expr, $($message:tt)+) => {
        if !$holds {
            return Err(crate::broken::Broken(format!($($message)+)));
        }
    };
}
pub(crate) use ensure;

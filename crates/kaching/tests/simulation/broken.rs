/// A rule that did not hold, as a sentence.
#[derive(Clone, Debug)]
pub(crate) struct Broken(pub(crate) String);

macro_rules! ensure {
    ($holds:expr, $($told:tt)+) => {
        if !$holds {
            return Err(crate::broken::Broken(format!($($told)+)));
        }
    };
}
pub(crate) use ensure;

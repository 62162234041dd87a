//! The word of each variant of an enum, as databases and APIs write it.

macro_rules! word {
    ($type:ident { $($variant:ident = $word:literal),+ }) => {
        impl $type {
            /// The word as it is written.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
            /// The variant of this word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}
pub(crate) use word;

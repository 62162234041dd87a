/// Words that only people who write Rust know: no message says one.
const WORDS: [&str; 15] = [
    "struct ",
    "enum ",
    "variant",
    "invalid digit",
    "u8",
    "u16",
    "u32",
    "u64",
    "i32",
    "i64",
    "usize",
    "f64",
    "tuple",
    "EOF",
    "serde",
];

/// The first word of Rust in a message, or of `more` that may not stand in it either.
pub fn word_of_rust<'w>(message: &str, more: &[&'w str]) -> Option<&'w str> {
    WORDS.into_iter().chain(more.iter().copied()).find(|word| message.contains(word))
}

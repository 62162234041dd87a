//! Parser messages in the words of the people who wrote the value: no Rust types, no terms of libraries.

/// The message of serde, or of a parser of the standard library, as one would say it. What is already plain stays.
pub fn in_plain_words(message: &str) -> String {
    let mut text = message.to_owned();
    for (start, rewrite) in REWRITES {
        if let Some((before, rest)) = text.split_once(start) {
            let (rest, place) = match rest.rfind(" at line ") {
                Some(at) => rest.split_at(at),
                None => (rest, ""),
            };
            text = format!("{before}{}{place}", rewrite(rest));
        }
    }
    for (theirs, plain) in PHRASES {
        if text.contains(theirs) {
            text = text.replace(theirs, plain);
        }
    }
    text
}

type Rewrite = fn(&str) -> String;

/// The beginning of a message that has parts.
const REWRITES: [(&str, Rewrite); 4] = [
    ("invalid type: ", mismatch),
    ("invalid value: ", mismatch),
    ("invalid length ", |rest| {
        let (found, wanted) = rest.rsplit_once(", expected ").unwrap_or((rest, "another number"));
        format!("expected {}, not {found} of them", expected(wanted))
    }),
    ("unknown variant `", |rest| {
        let (word, known) = rest.split_once("`, expected ").unwrap_or((rest.trim_end_matches('`'), ""));
        let known = known.trim_start_matches("one of ");
        if known.is_empty() || known.starts_with("there are no") {
            format!("`{word}` is not known")
        } else {
            format!("`{word}` is not known; expected one of {known}")
        }
    }),
];

/// Phrases that stand for themselves.
const PHRASES: [(&str, &str); 14] = [
    ("data did not match any variant of untagged enum ", "it has none of the forms that it may have: "),
    ("invalid digit found in string", "expected a whole number"),
    ("cannot parse integer from empty string", "expected a whole number, not nothing"),
    ("number too large to fit in target type", "the number is too large"),
    ("number too small to fit in target type", "the number is too small"),
    ("number would be zero for non-zero type", "the number must not be 0"),
    ("invalid float literal", "expected a number"),
    ("cannot parse float from empty string", "expected a number, not nothing"),
    ("provided string was not `true` or `false`", "expected true or false"),
    ("invalid socket address syntax", "expected an address with a port, such as 127.0.0.1:7700"),
    ("invalid IP address syntax", "expected an IP address"),
    ("EOF while parsing a ", "it ends within a "),
    ("EOF while parsing an ", "it ends within an "),
    ("expected ident", "expected true, false or null"),
];

/// `FOUND, expected WANTED`.
fn mismatch(rest: &str) -> String {
    match rest.rsplit_once(", expected ") {
        Some((found, wanted)) => format!("expected {}, not {}", expected(wanted), self::found(found)),
        None => format!("it cannot be {}", found(rest)),
    }
}

fn expected(wanted: &str) -> &str {
    match wanted {
        "a string" | "a borrowed string" | "string" | "str" | "a character" => "a text",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "u128" | "usize" => "a whole number that is not negative",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "socket address" => "an address with a port, such as 127.0.0.1:7700",
        "a sequence" => "a list",
        "a map" | "map" => "an object",
        "unit" => "null",
        "string or map" => "one of its words",
        other if ["enum ", "variant "].iter().any(|start| other.starts_with(start)) => "one of its words",
        other if other.starts_with("tuple ") || other.starts_with("a tuple ") => "a list",
        other
            if ["struct ", "internally tagged enum ", "adjacently tagged enum "]
                .iter()
                .any(|start| other.starts_with(start)) =>
        {
            "an object"
        }
        other => other,
    }
}

/// A text is not repeated: it may be long, and it may be a secret in the wrong place.
fn found(found: &str) -> String {
    let quoted = || found.split('`').nth(1).unwrap_or("another one");
    match found.split([' ', ',']).next().unwrap_or_default() {
        "string" | "character" => "a text".to_owned(),
        "integer" | "floating" => format!("the number {}", quoted()),
        "boolean" => quoted().to_owned(),
        "map" => "an object".to_owned(),
        "sequence" => "a list".to_owned(),
        "null" | "unit" | "Option" => "null".to_owned(),
        _ => "that".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_of_rust_is_left() {
        for (theirs, plain) in [
            (
                "invalid type: string \"a, expected b\", expected u32 at line 1 column 9",
                "expected a whole number from 0 to 4294967295, not a text at line 1 column 9",
            ),
            ("invalid type: sequence, expected struct CustomerCreate", "expected an object, not a list"),
            (
                "invalid value: integer `-1`, expected u64",
                "expected a whole number that is not negative, not the number -1",
            ),
            (
                "invalid type: floating point `1.5`, expected i64",
                "expected a whole number, not the number 1.5",
            ),
            (
                "invalid type: integer `5`, expected string or map",
                "expected one of its words, not the number 5",
            ),
            (
                "the body: invalid type: null, expected a boolean",
                "the body: expected true or false, not null",
            ),
            ("unknown variant `x`, expected one of `a`, `b`", "`x` is not known; expected one of `a`, `b`"),
            ("unknown variant `x`, expected `a` or `b`", "`x` is not known; expected one of `a` or `b`"),
            ("invalid digit found in string", "expected a whole number"),
            ("missing field `customer`", "missing field `customer`"),
        ] {
            assert_eq!(in_plain_words(theirs), plain);
        }
    }
}

//! The definition of a word, and the form in which words are compared.

use std::{borrow::Cow, collections::BTreeSet};

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizer, properties::CanonicalCombiningClassMap};
use kaching_base::is_invisible;

/// Words of a text that are indexed: enough for a name of 200 characters, each of which is a word.
const MOST_INDEXED: usize = 200;
/// Words of a query that are searched for.
const MOST_SEARCHED: usize = 64;
/// Characters of a word that are compared; the second holds for scripts that put no spaces between words.
const LONGEST: usize = 64;
const LONGEST_UNSPACED: usize = 16;

/// Characters in a row that are searched together.
struct Run {
    text: String,
    /// Of a script that puts no spaces between words.
    unspaced: bool,
}

/// Returns the words that find a text. Where a script puts no spaces between words, a new one begins with each
/// character, so that any part of the text is the beginning of a word.
pub(crate) fn words(text: &str) -> BTreeSet<String> {
    let mut words = Vec::new();
    for run in runs(text) {
        let starts = run.text.char_indices().map(|(at, _)| at);
        let starts = starts.take(if run.unspaced { usize::MAX } else { 1 });
        words.extend(starts.map(|at| shortened(&run.text[at..], run.unspaced)));
        if words.len() >= MOST_INDEXED {
            break;
        }
    }
    words.into_iter().take(MOST_INDEXED).collect()
}

/// Returns the words of several texts.
pub(crate) fn words_of<'a>(texts: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    texts.into_iter().flat_map(words).collect()
}

/// Returns the words, or beginnings of words, that a query asks for.
pub(super) fn wanted(query: &str) -> BTreeSet<String> {
    runs(query).into_iter().take(MOST_SEARCHED).map(|run| shortened(&run.text, run.unspaced)).collect()
}

fn shortened(text: &str, unspaced: bool) -> String {
    text.chars().take(if unspaced { LONGEST_UNSPACED } else { LONGEST }).collect()
}

fn runs(text: &str) -> Vec<Run> {
    let marks = CanonicalCombiningClassMap::new();
    let mut runs: Vec<Run> = Vec::new();
    let mut within = false;
    for c in folded(text).chars() {
        // A mark belongs to the character before it.
        let mark = marks.get_u8(c) != 0;
        let unspaced = is_unspaced(c);
        match runs.last_mut() {
            Some(run) if within && (mark || (c.is_alphanumeric() && run.unspaced == unspaced)) => {
                run.text.push(c);
            }
            _ => {
                within = c.is_alphanumeric();
                if within {
                    runs.push(Run { text: c.into(), unspaced });
                }
            }
        }
    }
    runs
}

/// Compatible and composed forms are one (NFKC), and so are the cases of a letter, by full case folding: `ß` is `ss`. All
/// four i of Turkish are one, since the language of a name is unknown. Invisible characters are ignored.
fn folded(text: &str) -> String {
    // Most texts are: of them no more is left to do.
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let ignored = |c: char| {
        (is_invisible(c) && !c.is_whitespace())
            || matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
    };
    let visible: String = text.chars().filter(|c| !ignored(*c)).collect();
    let normalizer = ComposingNormalizer::new_nfkc();
    let folded: Cow<'_, str> =
        CaseMapper::new().fold_string(&normalizer.normalize(&visible)).into_owned().into();
    normalizer.normalize(&folded).replace("i\u{307}", "i").replace('ı', "i")
}

/// Han with kana and bopomofo, Hangul, Thai, Lao, Burmese and Khmer, by their blocks: so the sign that lengthens a vowel
/// of kana is among them, which belongs to no script.
fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1100}'..='\u{11ff}' | '\u{1780}'..='\u{17ff}'
        | '\u{2e80}'..='\u{9fff}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}'
        | '\u{1aff0}'..='\u{1b16f}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn finds(query: &str, text: &str) -> bool {
        let (wanted, words) = (wanted(query), words(text));
        !wanted.is_empty() && wanted.iter().all(|wanted| words.iter().any(|word| word.starts_with(wanted)))
    }

    #[test]
    fn a_word_is_found_however_it_is_written() {
        for (query, text) in [
            ("u\u{308}ber", "Über AG"),
            ("ÜBER", "U\u{308}ber AG"),
            ("STRASSE", "Lange Straße 5"),
            ("straße", "LANGE STRASSE 5"),
            ("istanbul", "İstanbul Lojistik"),
            ("İSTANBUL", "Istanbul Lojistik"),
            ("IŞIK", "Işık"),
            ("ΟΔΟΣ", "οδος"),
            ("ofﬁce", "OFFICE"),
            ("ｋａｃｈｉｎｇ", "Kaching"),
            ("acme", "Ac\u{ad}me\u{200b}"),
            ("ガス", "ｶﾞｽ会社"),
            ("京", "東京電力"),
            ("京電", "東京電力"),
            ("電力", "東京電力ホールディングス"),
            ("ホール", "東京電力ホールディングス"),
            ("전자", "삼성전자"),
            ("กรุงเทพ", "บริษัทกรุงเทพ"),
            ("辻", "辻\u{e0100}商店"),
            ("tower 京", "東京Tower"),
            ("हिन्दी", "हिन्दी पुस्तक"),
        ] {
            assert!(finds(query, text), "{query:?} in {text:?}: {:?} in {:?}", wanted(query), words(text));
        }
        for (query, text) in
            [("電京", "東京電力"), ("trasse", "Straße"), ("--", "CUST-001"), ("***", "*** Acme")]
        {
            assert!(!finds(query, text), "{query:?} in {text:?}");
        }
    }

    #[test]
    fn all_of_a_long_name_is_found() {
        let name: String = ('\u{4e00}'..).take(200).collect();
        assert!(name.chars().all(|c| finds(&c.to_string(), &name)));
    }

    proptest! {
        #[test]
        fn every_indexed_text_is_found(text in "\\PC{0,40}") {
            prop_assert!(wanted(&text).is_empty() || finds(&text, &text), "{:?}", text);
        }

        #[test]
        fn the_form_of_a_form_is_itself(text in any::<String>()) {
            let once = folded(&text);
            prop_assert_eq!(folded(&once), once);
        }
    }
}

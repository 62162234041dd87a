use kaching_base::ParseError;

/// A new value, or the word that removes the present one.
#[derive(Clone)]
pub(crate) struct Clearable<T>(pub(crate) Option<T>);

/// Returns a parser of values that takes `word` for none.
pub(crate) fn clearable<T>(
    word: &'static str,
    parse: impl Fn(&str) -> Result<T, ParseError> + Clone + Send + Sync + 'static,
) -> impl Fn(&str) -> Result<Clearable<T>, ParseError> + Clone + Send + Sync + 'static {
    move |text: &str| {
        if text == word { Ok(Clearable(None)) } else { parse(text).map(|value| Clearable(Some(value))) }
    }
}

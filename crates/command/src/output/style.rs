/// Colours and weights, where the terminal shows them.
#[derive(Clone, Copy)]
pub struct Style {
    colors: bool,
}

impl Style {
    pub fn new(colors: bool) -> Self {
        Self { colors }
    }

    pub fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    pub fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    pub fn good(self, text: &str) -> String {
        self.wrap("32", text)
    }

    pub fn warn(self, text: &str) -> String {
        self.wrap("33", text)
    }

    pub fn bad(self, text: &str) -> String {
        self.wrap("31", text)
    }

    /// The word of a state or status, in the colour of what it means.
    pub fn state(self, word: &str) -> String {
        match word {
            "active" | "ok" | "valid" => self.good(word),
            "in_grace" | "not_yet_valid" | "lapsed" | "warn" | "suspended" | "degraded" => self.warn(word),
            "expired" | "revoked" | "over" | "fail" | "down" | "superseded" | "released" => self.bad(word),
            _ => word.to_owned(),
        }
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.colors { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

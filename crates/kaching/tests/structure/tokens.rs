//! Reads a Rust file into the few kinds of facts that the rules are about. It reads tokens, not text, so that
//! comments say what they like, and it keeps what is compiled for tests apart from what is shipped.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A word and its line.
#[derive(Clone, Debug)]
pub(crate) struct Spot {
    pub(crate) line: usize,
    pub(crate) word: String,
}

/// A function with its parameters and its body.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(crate) line: usize,
    pub(crate) name: String,
    pub(crate) parameters: String,
    /// The lines of its body, brackets included; 0 where it has none.
    pub(crate) lines: usize,
    /// The words of its body.
    pub(crate) words: Vec<String>,
    /// Inside `impl Trait for Type`.
    pub(crate) of_trait: bool,
    /// The attributes above it, as text without spaces.
    pub(crate) attributes: Vec<String>,
}

/// The facts of one file, in the order of its lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// `a::b::c`, with the groups of `use` written out.
    pub(crate) paths: Vec<Spot>,
    /// The paths of `pub use`, in any of its visibilities. They are among `paths`, too.
    pub(crate) reexports: Vec<Spot>,
    /// The names that items declare: functions, types, modules, constants.
    pub(crate) names: Vec<Spot>,
    /// The names of structs, enums, unions, traits and type aliases, associated types apart.
    pub(crate) types: Vec<Spot>,
    /// The text of string literals.
    pub(crate) texts: Vec<Spot>,
    /// The name of each method called, and its first argument if that is a string literal.
    pub(crate) calls: Vec<(Spot, Option<String>)>,
    /// The name of each macro called.
    pub(crate) macros: Vec<Spot>,
    /// Each attribute but documentation, as text without spaces.
    pub(crate) attributes: Vec<Spot>,
    pub(crate) functions: Vec<Function>,
}

/// A file's facts: what is shipped, what is compiled for tests only, and the modules declared for tests only.
#[derive(Default)]
pub(crate) struct Read {
    pub(crate) shipped: Facts,
    pub(crate) tested: Facts,
    pub(crate) test_modules: Vec<String>,
}

/// Reads the text of a file.
pub(crate) fn read(text: &str) -> Result<Read, proc_macro2::LexError> {
    let mut read = Read::default();
    walk(&mut read, text.parse()?, &Context::default());
    Ok(read)
}

const TYPES: &[&str] = &["struct", "enum", "union", "trait", "type"];
const OTHER_ITEMS: &[&str] = &["fn", "mod", "const", "static"];

/// The surroundings of the tokens that are being read.
#[derive(Clone, Default)]
struct Context {
    test: bool,
    of_trait: bool,
    /// In the body of an `impl` or a `trait`, whose types are associated ones.
    associated: bool,
    /// In the braces of a `pub use`.
    reexport: bool,
    prefix: String,
}

fn walk(read: &mut Read, stream: TokenStream, context: &Context) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let mut at = 0;
    let mut item = Item::default();
    while let Some(token) = tokens.get(at) {
        let here = Context { test: context.test || item.test, ..context.clone() };
        let line = token.span().start().line;
        match token {
            TokenTree::Punct(mark) if mark.as_char() == '#' => {
                let skip = usize::from(punct(tokens.get(at + 1)) == Some('!'));
                if let Some(TokenTree::Group(group)) = tokens.get(at + 1 + skip)
                    && group.delimiter() == Delimiter::Bracket
                {
                    item.attribute(read, group, &here);
                    at += 1 + skip;
                }
            }
            TokenTree::Ident(ident) => {
                let (path, next) = path_at(&tokens, at);
                item.word(&ident.to_string());
                let facts = read.facts(here.test);
                let full = format!("{}{path}", context.prefix);
                let spot = Spot { line, word: full.clone() };
                if let Some(TokenTree::Ident(name)) = tokens.get(at + 1) {
                    let name = Spot { line, word: name.to_string() };
                    if TYPES.contains(&path.as_str()) && !context.associated {
                        facts.types.push(name.clone());
                    }
                    if TYPES.contains(&path.as_str()) || OTHER_ITEMS.contains(&path.as_str()) {
                        facts.names.push(name);
                    }
                }
                let reexport = context.reexport || (item.public && item.imports);
                if reexport && path != "use" {
                    facts.reexports.push(spot.clone());
                }
                if punct(tokens.get(next)) == Some('!') && punct(tokens.get(next + 1)) != Some('=') {
                    facts.macros.push(Spot { line, word: path.clone() });
                }
                if at > 0
                    && punct(tokens.get(at - 1)) == Some('.')
                    && let Some(arguments) = brackets(&tokens, next)
                {
                    facts.calls.push((Spot { line, word: path.clone() }, first_text(arguments)));
                }
                facts.paths.push(spot);
                if path == "fn" {
                    item.function(read, &tokens, at, &here);
                } else if path == "mod" && here.test && punct(tokens.get(at + 2)) == Some(';') {
                    read.test_modules.push(tokens[at + 1].to_string());
                }
                at = next - 1;
                if let Some(group) = use_group(&tokens, next) {
                    walk(read, group.stream(), &Context { prefix: format!("{full}::"), reexport, ..here });
                    at = next + 2;
                }
            }
            TokenTree::Literal(literal) => {
                if let Some(word) = text_of(&literal.to_string()) {
                    read.facts(here.test).texts.push(Spot { line, word });
                }
            }
            TokenTree::Group(group) => {
                let inside = Context {
                    of_trait: context.of_trait || item.of_trait,
                    associated: context.associated || item.associates,
                    ..here
                };
                walk(read, group.stream(), &inside);
                if group.delimiter() == Delimiter::Brace {
                    item = Item::default();
                }
            }
            TokenTree::Punct(mark) => {
                if mark.as_char() == ';' || (mark.as_char() == ',' && !item.declares) {
                    item = Item::default();
                }
            }
        }
        at += 1;
    }
}

/// The attributes and the kind of the item that is being read.
#[derive(Default)]
struct Item {
    test: bool,
    public: bool,
    imports: bool,
    of_trait: bool,
    implements: bool,
    /// An `impl` or a `trait`.
    associates: bool,
    /// A declaration, in which a comma ends nothing.
    declares: bool,
    attributes: Vec<String>,
}

impl Item {
    fn attribute(&mut self, read: &mut Read, group: &Group, context: &Context) {
        let word: String = group.stream().to_string().split_whitespace().collect();
        if word.starts_with("doc") {
            return;
        }
        self.test |= word.starts_with("cfg(test)")
            || word == "test"
            || word.ends_with("::test")
            || word.starts_with("cfg(all(test");
        let line = group.span_open().start().line;
        read.facts(context.test || self.test).attributes.push(Spot { line, word: word.clone() });
        self.attributes.push(word);
        walk(read, group.stream(), &Context { test: context.test || self.test, ..Context::default() });
    }

    fn word(&mut self, word: &str) {
        self.declares |= ["fn", "impl", "struct", "enum", "trait", "type", "use", "where"].contains(&word);
        self.public |= word == "pub";
        self.imports |= word == "use";
        self.implements |= word == "impl";
        self.associates |= self.implements || word == "trait";
        self.of_trait |= self.implements && word == "for";
    }

    fn function(&mut self, read: &mut Read, tokens: &[TokenTree], at: usize, context: &Context) {
        let Some(TokenTree::Ident(name)) = tokens.get(at + 1) else { return };
        let parameters = tokens[at..].iter().find_map(|token| match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => {
                Some(group.stream().to_string())
            }
            _ => None,
        });
        let body = body(&tokens[at..]);
        let mut words = Vec::new();
        if let Some(body) = body {
            words_of(body.stream(), &mut words);
        }
        read.facts(context.test).functions.push(Function {
            line: name.span().start().line,
            name: name.to_string(),
            parameters: parameters.unwrap_or_default(),
            lines: body.map_or(0, |body| body.span_close().end().line + 1 - body.span_open().start().line),
            words,
            of_trait: context.of_trait,
            attributes: self.attributes.clone(),
        });
    }
}

impl Read {
    fn facts(&mut self, test: bool) -> &mut Facts {
        if test { &mut self.tested } else { &mut self.shipped }
    }
}

/// The body of the function that starts here: the first group in braces, unless it ends before.
fn body(tokens: &[TokenTree]) -> Option<&Group> {
    tokens.iter().take_while(|token| punct(Some(token)) != Some(';')).find_map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group),
        _ => None,
    })
}

fn words_of(stream: TokenStream, words: &mut Vec<String>) {
    for token in stream {
        match token {
            TokenTree::Ident(ident) => words.push(ident.to_string()),
            TokenTree::Group(group) => words_of(group.stream(), words),
            _ => {}
        }
    }
}

/// The path that starts here, and the index after it.
fn path_at(tokens: &[TokenTree], mut at: usize) -> (String, usize) {
    let mut path = tokens[at].to_string();
    at += 1;
    while punct(tokens.get(at)) == Some(':') && punct(tokens.get(at + 1)) == Some(':') {
        let Some(TokenTree::Ident(next)) = tokens.get(at + 2) else { break };
        path = format!("{path}::{next}");
        at += 3;
    }
    (path, at)
}

/// The group of `path::{…}`.
fn use_group(tokens: &[TokenTree], at: usize) -> Option<&Group> {
    let colons = punct(tokens.get(at)) == Some(':') && punct(tokens.get(at + 1)) == Some(':');
    match tokens.get(at + 2) {
        Some(TokenTree::Group(group)) if colons && group.delimiter() == Delimiter::Brace => Some(group),
        _ => None,
    }
}

/// The arguments of a call whose name ends before this index, `::<…>` between them or not.
fn brackets(tokens: &[TokenTree], mut at: usize) -> Option<&Group> {
    if punct(tokens.get(at)) == Some(':') {
        while !matches!(tokens.get(at)?, TokenTree::Group(_)) {
            at += 1;
        }
    }
    match tokens.get(at) {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => Some(group),
        _ => None,
    }
}

fn first_text(arguments: &Group) -> Option<String> {
    text_of(&arguments.stream().into_iter().next()?.to_string())
}

fn punct(token: Option<&TokenTree>) -> Option<char> {
    match token {
        Some(TokenTree::Punct(mark)) => Some(mark.as_char()),
        _ => None,
    }
}

/// The text between the quotes of a string literal, with its escapes as they are written.
fn text_of(literal: &str) -> Option<String> {
    let inner = literal.trim_start_matches(['b', 'c', 'r', '#']).strip_prefix('"')?;
    Some(inner.trim_end_matches('#').trim_end_matches('"').to_owned())
}

//! Finds the SQL statements of a source, with the macros expanded that compose them.

use std::{cmp::Reverse, collections::HashMap, fs, iter::zip, path::Path};

use proc_macro2::{TokenStream, TokenTree};

/// Returns every whole statement in the sources below a folder, with its file. The beginning of a [`kaching_db::Sql`]
/// is not a whole statement.
pub fn below(folder: &Path) -> Vec<(String, String)> {
    let mut sources = Vec::new();
    read(folder, &[], &mut sources);
    let macros: Vec<Macro> =
        sources.iter().flat_map(|source| macros_of(&source.module, &source.tokens)).collect();
    let mut found = Vec::new();
    for source in &sources {
        Search { module: &source.module, macros: &macros }.walk(&source.tokens, &mut |statement| {
            found.push((source.module.join("::"), statement));
        });
    }
    found
}

struct Source {
    module: Vec<String>,
    tokens: Vec<TokenTree>,
}

fn read(folder: &Path, module: &[String], sources: &mut Vec<Source>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let module = [module, &[name]].concat();
        if path.is_dir() {
            read(&path, &module, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let tokens: TokenStream = fs::read_to_string(&path).unwrap().parse().unwrap();
            sources.push(Source { module, tokens: tokens.into_iter().collect() });
        }
    }
}

/// A macro with one rule, whose parameters are literals and whose body may be a text.
struct Macro {
    module: Vec<String>,
    name: String,
    parameters: Vec<String>,
    body: Vec<TokenTree>,
}

/// Reads the macros of `macro_rules! name { (parameters) => { body } }`.
fn macros_of(module: &[String], tokens: &[TokenTree]) -> Vec<Macro> {
    let of = |window: &[TokenTree]| {
        let [TokenTree::Ident(rules), _, TokenTree::Ident(name), TokenTree::Group(rule)] = window else {
            return None;
        };
        let [TokenTree::Group(parameters), _, _, TokenTree::Group(body), ..] = &inside(rule)[..] else {
            return None;
        };
        // `$name:literal, …`
        let parameters = inside(parameters);
        let parameters = parameters.chunks(5).filter_map(|one| one.get(1)).map(ToString::to_string).collect();
        (rules == "macro_rules").then(|| Macro {
            module: module.to_vec(),
            name: name.to_string(),
            parameters,
            body: inside(body),
        })
    };
    tokens.windows(4).filter_map(of).collect()
}

struct Search<'s> {
    module: &'s [String],
    macros: &'s [Macro],
}

impl<'s> Search<'s> {
    fn walk(&self, tokens: &[TokenTree], found: &mut impl FnMut(String)) {
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let (text, length) = self.text(&tokens[at..], &HashMap::new());
            match (text, token) {
                (Some(text), _) if is_statement(&text) => found(text),
                (None, TokenTree::Group(group)) if !defines(&tokens[..at]) && !builds(&tokens[..at]) => {
                    self.walk(&inside(group), found);
                }
                (None, TokenTree::Group(group)) if builds(&tokens[..at]) => {
                    let arguments = inside(group);
                    let (_, first) = self.text(&arguments, &HashMap::new());
                    self.walk(&arguments[first..], found);
                }
                _ => {}
            }
            at += length;
        }
    }

    /// The constant text with which these tokens begin, if they do, and of how many of them it is: a literal, a
    /// parameter that is known, `concat!` or a macro of ours.
    fn text(&self, tokens: &[TokenTree], known: &HashMap<&str, String>) -> (Option<String>, usize) {
        match tokens {
            [TokenTree::Literal(literal), ..] => (text_of(&literal.to_string()), 1),
            [TokenTree::Punct(dollar), TokenTree::Ident(name), ..] if dollar.as_char() == '$' => {
                (known.get(name.to_string().as_str()).cloned(), 2)
            }
            _ => {
                let path = path(tokens);
                match tokens.get(path.length..) {
                    Some([TokenTree::Punct(call), TokenTree::Group(arguments), ..])
                        if call.as_char() == '!' =>
                    {
                        let texts = self.texts(&inside(arguments), known);
                        let text = texts.and_then(|texts| self.carried_out(&path.names, texts));
                        // One that is no text may hold some: it is walked through token by token.
                        let length = if text.is_some() { path.length + 2 } else { 1 };
                        (text, length)
                    }
                    _ => (None, 1),
                }
            }
        }
    }

    /// All of these, between commas; `None` if one of them is no constant text.
    fn texts(&self, mut tokens: &[TokenTree], known: &HashMap<&str, String>) -> Option<Vec<String>> {
        let mut texts = Vec::new();
        while !tokens.is_empty() {
            let (text, length) = self.text(tokens, known);
            texts.push(text?);
            tokens = match &tokens[length..] {
                [TokenTree::Punct(comma), rest @ ..] if comma.as_char() == ',' => rest,
                [] => &[],
                _ => return None,
            };
        }
        Some(texts)
    }

    fn carried_out(&self, path: &[String], arguments: Vec<String>) -> Option<String> {
        if path == ["concat"] {
            return Some(arguments.concat());
        }
        let called = self.called(path)?;
        let known = zip(called.parameters.iter().map(String::as_str), arguments).collect();
        let there = Self { module: &called.module, macros: self.macros };
        there.texts(&called.body, &known).map(|texts| texts.concat())
    }

    /// The macro of this name in a module that ends as the path says: the nearest.
    fn called(&self, path: &[String]) -> Option<&'s Macro> {
        let (name, place) = path.split_last()?;
        let named = self.macros.iter().filter(|one| one.name == *name && one.module.ends_with(place));
        let near =
            |one: &&Macro| zip(&one.module, self.module).take_while(|(one, other)| one == other).count();
        named.max_by_key(|one| (near(one), Reverse(one.module.len())))
    }
}

struct MacroPath {
    names: Vec<String>,
    length: usize,
}

/// The names that these tokens begin with, `a::b::c`, without `crate`, `self` and `super`.
fn path(tokens: &[TokenTree]) -> MacroPath {
    let of_path = |token: &&TokenTree| match token {
        TokenTree::Ident(_) => true,
        TokenTree::Punct(mark) => [':', '$'].contains(&mark.as_char()),
        _ => false,
    };
    let path: Vec<_> = tokens.iter().take_while(of_path).collect();
    let names = path.iter().filter(|token| matches!(token, TokenTree::Ident(_))).map(ToString::to_string);
    let names = names.filter(|name| !["crate", "self", "super"].contains(&name.as_str())).collect();
    MacroPath { names, length: path.len() }
}

/// Whether what follows is the rule of a macro.
fn defines(before: &[TokenTree]) -> bool {
    matches!(before, [.., TokenTree::Ident(rules), _, TokenTree::Ident(_)] if rules == "macro_rules")
}

/// Whether what follows is what `Sql::new` is given.
fn builds(before: &[TokenTree]) -> bool {
    matches!(before, [.., TokenTree::Ident(sql), _, _, TokenTree::Ident(new)] if sql == "Sql" && new == "new")
}

fn inside(group: &proc_macro2::Group) -> Vec<TokenTree> {
    group.stream().into_iter().collect()
}

fn is_statement(text: &str) -> bool {
    ["select ", "insert into ", "update ", "delete from "].iter().any(|verb| text.starts_with(verb))
}

/// Returns the text of a literal, if it is one.
fn text_of(literal: &str) -> Option<String> {
    let text = literal.strip_prefix('"')?.strip_suffix('"')?;
    Some(text.replace("\\\"", "\""))
}

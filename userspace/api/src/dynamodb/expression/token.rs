//! The tokens of an expression.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// A name or a keyword.
    Word(&'t str),
    /// A placeholder of a name, with its `#`.
    Name(&'t str),
    /// A placeholder of a value, with its `:`.
    Value(&'t str),
    Number,
    Sign(&'t str),
}

/// The tokens; nothing if a part of the text is none.
pub(super) fn cut(text: &str) -> Option<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_ascii_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '#' | ':' => {
                let end = rest
                    .char_indices()
                    .skip(1)
                    .find_map(|(at, c)| (!is_part(c)).then_some(at));
                let (name, after) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
                let placeholder = if first == '#' {
                    Token::Name(name)
                } else {
                    Token::Value(name)
                };
                ((name.len() > 1).then_some(placeholder)?, after)
            }
            c if c.is_ascii_digit() => {
                let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
                (Token::Number, after)
            }
            c if c.is_alphabetic() || c == '_' => {
                let after = rest.trim_start_matches(is_part);
                let (word, after) = rest.split_at_checked(rest.len() - after.len())?;
                (Token::Word(word), after)
            }
            _ => {
                let signs = [
                    "<>", "<=", ">=", "=", "<", ">", "(", ")", "[", "]", ",", ".", "+", "-",
                ];
                let sign = signs.into_iter().find(|sign| rest.starts_with(sign))?;
                (Token::Sign(sign), rest.get(sign.len()..)?)
            }
        };
        tokens.push(token);
        rest = after.trim_ascii_start();
    }
    Some(tokens)
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
